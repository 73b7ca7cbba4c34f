use super::html::{all, first};
use super::selectors::{FIGURE, FIGURE_TITLE, FIGURE_VALUE};
use super::{Reading, ShapeError, count};

/// `/user/{user}/library/music/{artist}…?date_preset=…`: how often the user listened in the period.
pub(crate) fn plays(html: &str) -> Result<Reading<u64>, ShapeError> {
    let is_plays = |title: &str| title.eq_ignore_ascii_case("scrobbles");
    let figure = all(html, FIGURE)
        .find(|figure| first(figure.inner, FIGURE_TITLE).is_some_and(|title| is_plays(&title.text())))
        .ok_or(ShapeError("count of scrobbles"))?;
    let value = first(figure.inner, FIGURE_VALUE).ok_or(ShapeError("value of the count"))?;
    let data = count(&value.text()).ok_or(ShapeError("number in the count"))?;
    Ok(Reading { data, fields: 1, found: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(title: &str, value: &str) -> String {
        format!(
            "<li class=\"metadata-item\"><h4 class=\"metadata-title\">{title}</h4><p class=\"metadata-display\">{value}</p></li>"
        )
    }

    #[test]
    fn the_count_is_found_among_other_figures() {
        let html = format!("<ul>{}{}</ul>", figure("Rank", "5"), figure("Scrobbles", "<a href=\"#\">\n1,234 </a>"));
        assert_eq!(plays(&html).map(|read| read.data), Ok(1_234));
        assert_eq!(plays(&figure("Scrobbles", "0")).map(|read| read.data), Ok(0));
    }

    #[test]
    fn a_page_without_it_is_told_apart() {
        assert_eq!(plays("<ul></ul>"), Err(ShapeError("count of scrobbles")));
        assert_eq!(plays(&figure("Scrobbles", "many")), Err(ShapeError("number in the count")));
        let valueless = "<li class=\"metadata-item\"><h4 class=\"metadata-title\">Scrobbles</h4></li>";
        assert_eq!(plays(valueless), Err(ShapeError("value of the count")));
    }
}
