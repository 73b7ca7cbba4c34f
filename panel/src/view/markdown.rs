//! Discord's markdown as HTML: the only place that does it. Text is escaped first; tags come from
//! here alone.

use maud::{Markup, PreEscaped};

use super::Names;

/// How deep marks may stand within each other; deeper ones stay text.
const DEPTH: usize = 8;

/// A message's text.
pub(crate) fn markdown(text: &str, names: &Names) -> Markup {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    // Blocks of code first: nothing inside means anything.
    while let Some(start) = rest.find("```") {
        let Some(length) = rest[start + 3..].find("```") else { break };
        lines(&rest[..start], names, &mut out);
        let inside = &rest[start + 3..start + 3 + length];
        let code = match inside.split_once('\n') {
            Some((language, code)) if !language.contains(' ') && !code.trim().is_empty() => code,
            _ => inside,
        };
        out.push_str("<pre><code>");
        escape(code.trim_matches('\n'), &mut out);
        out.push_str("</code></pre>");
        rest = rest[start + 3 + length + 3..].trim_start_matches('\n');
    }
    lines(rest, names, &mut out);
    PreEscaped(out)
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

fn wrapped(tag: &str, class: &str, inside: &str, depth: usize, names: &Names, out: &mut String) {
    out.push('<');
    out.push_str(tag);
    if !class.is_empty() {
        out.push_str(" class=\"");
        out.push_str(class);
        out.push('"');
    }
    out.push('>');
    inline(inside, depth + 1, names, out);
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
}

/// What begins a line: headings are paragraphs with a class, so that a page keeps its own order.
const STARTS: &[(&str, &str, &str)] = &[
    ("### ", "p", "md-h3"),
    ("## ", "p", "md-h2"),
    ("# ", "p", "md-h1"),
    ("-# ", "p", "md-small"),
    ("> ", "blockquote", ""),
    ("- ", "p", "md-item"),
    ("* ", "p", "md-item"),
];

fn lines(text: &str, names: &Names, out: &mut String) {
    let mut first = true;
    for line in text.split('\n') {
        let start = STARTS.iter().find_map(|(mark, tag, class)| Some((line.strip_prefix(mark)?, *tag, *class)));
        if let Some((inside, tag, class)) = start {
            wrapped(tag, class, inside, 0, names, out);
            first = true;
            continue;
        }
        if !first {
            out.push_str("<br>");
        }
        first = false;
        inline(line, 0, names, out);
    }
}

/// Marks that stand around text; longer ones first.
const PAIRS: &[(&str, &str, &str)] = &[
    ("**", "strong", ""),
    ("__", "u", ""),
    ("~~", "s", ""),
    ("||", "span", "spoiler"),
    ("*", "em", ""),
    ("_", "em", ""),
];

fn inline(text: &str, depth: usize, names: &Names, out: &mut String) {
    let mut rest = text;
    let mut word = false;
    while let Some(c) = rest.chars().next() {
        let length = c.len_utf8();
        let taken = match c {
            '\\' => rest[1..].chars().next().filter(char::is_ascii_punctuation).map(|next| {
                escape(next.encode_utf8(&mut [0; 4]), out);
                2
            }),
            '`' => code(rest, out),
            '<' => mention(rest, names, out),
            '[' => link(rest, depth, names, out),
            'h' if !word => bare_link(rest, out),
            '*' | '_' | '~' | '|' if depth < DEPTH => pair(rest, depth, word, names, out),
            _ => None,
        };
        let used = taken.unwrap_or_else(|| {
            escape(&rest[..length], out);
            length
        });
        word = taken.is_none() && c.is_alphanumeric();
        rest = &rest[used..];
    }
}

fn code(rest: &str, out: &mut String) -> Option<usize> {
    let end = rest[1..].find('`').filter(|end| *end > 0)?;
    out.push_str("<code>");
    escape(&rest[1..=end], out);
    out.push_str("</code>");
    Some(end + 2)
}

fn pair(rest: &str, depth: usize, word: bool, names: &Names, out: &mut String) -> Option<usize> {
    let (mark, tag, class) = *PAIRS.iter().find(|(mark, ..)| rest.starts_with(mark))?;
    let after = &rest[mark.len()..];
    if (mark == "_" && word) || (mark.len() == 1 && after.starts_with(char::is_whitespace)) {
        return None;
    }
    let mut end = after.find(mark).filter(|end| *end > 0)?;
    // `***both***`: the closing mark is the last of the run.
    while mark == "**" && after[end + 2..].starts_with('*') {
        end += 1;
    }
    if after[..end].trim().is_empty() {
        return None;
    }
    wrapped(tag, class, &after[..end], depth, names, out);
    Some(mark.len() + end + mark.len())
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn anchor(url: &str, out: &mut String) {
    out.push_str("<a rel=\"noopener noreferrer nofollow\" target=\"_blank\" href=\"");
    escape(url, out);
    out.push_str("\">");
}

fn link(rest: &str, depth: usize, names: &Names, out: &mut String) -> Option<usize> {
    let middle = rest.find("](")?;
    let (label, after) = (&rest[1..middle], &rest[middle + 2..]);
    let written = &after[..after.find(')')?];
    // In angle brackets Discord shows no preview of it.
    let url = written.strip_prefix('<').and_then(|url| url.strip_suffix('>')).unwrap_or(written);
    if label.is_empty()
        || label.contains(['[', '\n'])
        || !is_web(url)
        || url.contains(char::is_whitespace)
        || depth >= DEPTH
    {
        return None;
    }
    anchor(url, out);
    let mut inside = String::new();
    inline(&label.replace("http", "htt\u{200b}p"), depth + 1, names, &mut inside);
    out.push_str(&inside);
    out.push_str("</a>");
    Some(middle + 2 + written.len() + 1)
}

fn bare_link(rest: &str, out: &mut String) -> Option<usize> {
    if !is_web(rest) {
        return None;
    }
    let end = rest.find(|c: char| c.is_whitespace() || c == '<' || c == '>' || c == '"').unwrap_or(rest.len());
    let url = rest[..end].trim_end_matches(['.', ',', ')', '!', '?', ':', ';', '\'', '*', '_', '|', '~']);
    if url.len() <= "https://".len() {
        return None;
    }
    anchor(url, out);
    escape(url, out);
    out.push_str("</a>");
    Some(url.len())
}

/// `<@1>`, `<@&1>`, `<#1>`, `<:name:1>`, `<t:1:R>`, `<https://…>`.
fn mention(rest: &str, names: &Names, out: &mut String) -> Option<usize> {
    let end = rest.find('>')?;
    let inside = &rest[1..end];
    if is_web(inside) && !inside.contains(char::is_whitespace) {
        anchor(inside, out);
        escape(inside, out);
        out.push_str("</a>");
        return Some(end + 1);
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let shown = if let Some(id) = inside.strip_prefix("@&").filter(|id| digits(id)) {
        names.role_shown(id)
    } else if let Some(id) = inside.strip_prefix('@').map(|id| id.trim_start_matches('!')).filter(|id| digits(id)) {
        format!("@{}", names.user_shown(id))
    } else if let Some(id) = inside.strip_prefix('#').filter(|id| digits(id)) {
        names.channel_shown(id)
    } else if let Some((name, id)) =
        inside.trim_start_matches('a').strip_prefix(':').and_then(|text| text.split_once(':'))
    {
        digits(id).then(|| format!(":{name}:"))?
    } else {
        let time = inside.strip_prefix("t:")?;
        let at: i64 = time.split(':').next()?.parse().ok()?;
        out.push_str(&super::date_time(at.checked_mul(1_000)?).into_string());
        return Some(end + 1);
    };
    out.push_str("<span class=\"mention\">");
    escape(&shown, out);
    out.push_str("</span>");
    Some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut names = Names::default();
        names.add_user("1", "Ann <b>");
        markdown(text, &names).into_string()
    }

    #[test]
    fn marks_become_tags() {
        for (text, html) in [
            ("a **b** c", "a <strong>b</strong> c"),
            ("*a* _b_ snake_case_name", "<em>a</em> <em>b</em> snake_case_name"),
            ("***a***", "<strong><em>a</em></strong>"),
            ("__u__ ~~s~~ ||x||", "<u>u</u> <s>s</s> <span class=\"spoiler\">x</span>"),
            ("`**a**`", "<code>**a**</code>"),
            ("\\*a\\*", "*a*"),
            ("a\nb", "a<br>b"),
            ("# a\nb", "<p class=\"md-h1\">a</p>b"),
            ("> q", "<blockquote>q</blockquote>"),
            ("```rs\nlet a = \"<\";\n```", "<pre><code>let a = &quot;&lt;&quot;;</code></pre>"),
            ("** **", "** **"),
            ("2 * 3 * 4", "2 * 3 * 4"),
        ] {
            assert_eq!(shown(text), html, "{text}");
        }
    }

    #[test]
    fn mentions_are_names_and_unknown_ids_stay_recognisable() {
        assert_eq!(shown("<@!1>"), "<span class=\"mention\">@Ann &lt;b&gt;</span>");
        assert_eq!(shown("<#7>"), "<span class=\"mention\">deleted #7</span>");
        assert_eq!(shown("<a:wave:7>"), "<span class=\"mention\">:wave:</span>");
        assert!(shown("<t:0:R>").contains("1970-01-01"));
        assert_eq!(shown("a < b > c"), "a &lt; b &gt; c");
    }

    #[test]
    fn only_web_addresses_become_links_and_nothing_breaks_out() {
        assert!(shown("[a](https://b.example/?q=\")").contains("href=\"https://b.example/?q=&quot;\""));
        assert!(shown("[a](<https://b.example/x>) b").contains("href=\"https://b.example/x\">a</a> b"));
        assert!(shown("see https://b.example/x.").ends_with("https://b.example/x</a>."));
        for hostile in [
            "[a](javascript:alert(1))",
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "`<script>`",
            "```\n<script>\n```",
            "**<script>**",
            "[<script>](https://a.example)",
            "[a](https://a.example\"onmouseover=\"alert(1))",
            "<https://a.example\"onmouseover=\"alert(1)>",
            "https://a.example\"onmouseover=\"alert(1)",
        ] {
            let html = shown(hostile);
            assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
            assert!(!html.contains("\"onmouseover=\"") && !html.contains("href=\"javascript"), "{html}");
        }
    }

    #[test]
    fn any_text_is_taken() {
        for text in [
            "",
            "*",
            "**",
            "`",
            "```",
            "<",
            "[",
            "[](",
            "\\",
            "|||||",
            "é*ü*",
            "<@",
            "a\u{1F980}**\u{1F980}**",
            &"*".repeat(500),
            &"[".repeat(500),
        ] {
            shown(text);
        }
    }
}
