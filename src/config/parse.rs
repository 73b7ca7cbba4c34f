//! From a variable's text to its value; what is wrong, in words that follow "is".

use std::net::SocketAddr;

use super::{Auto, Secret};

/// Shortest `MISO_CLUSTER_KEY`, characters.
const CLUSTER_KEY_CHARS: usize = 16;
/// Shortest secret of a declared group, characters.
const GROUP_SECRET_CHARS: usize = 8;
/// Longest name of a group, characters.
const GROUP_NAME_CHARS: usize = 40;
/// Most operators of the panel.
const OPERATORS_MOST: usize = 100;

pub(super) fn parse_token(text: &str) -> Result<Secret, String> {
    let token = text.strip_prefix("Bot ").unwrap_or(text).trim();
    if token.is_empty() || token.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("not a token: it has spaces or line ends in it".into());
    }
    Ok(Secret(token.into()))
}

pub(super) fn parse_api_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    if url.ends_with("/v10") || url.ends_with("/v9") {
        return Err("the version is appended, leave it out".into());
    }
    if url.starts_with("https://") {
        return Ok(url.into());
    }
    let Some(rest) = url.strip_prefix("http://") else { return Err("not an http URL".into()) };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    if ["127.0.0.1", "localhost", "[::1]"].contains(&host) {
        Ok(url.into())
    } else {
        Err("plain http is for loopback only".into())
    }
}

pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "not an address with a port, such as 127.0.0.1:8080".into())
}

pub(super) fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let address = parse_listen(text)?;
    if address.ip().is_loopback() { Ok(address) } else { Err("not on loopback".into()) }
}

pub(super) fn one_of(text: &str, starts: &[&str]) -> Result<String, String> {
    match starts.iter().find(|start| text.starts_with(**start)) {
        Some(start) if text.len() > start.len() => Ok(text.into()),
        Some(_) => Err("nothing stands after the scheme".into()),
        None => Err("it begins with none of the schemes known".into()),
    }
}

pub(super) fn parse_groups(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let mut groups: Vec<(String, Secret)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, secret) = part.split_once('=').ok_or("a group has no `=secret`")?;
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > GROUP_NAME_CHARS || !name.chars().all(valid) {
            return Err(format!("{name:?} is no name of a group"));
        }
        if secret.chars().count() < GROUP_SECRET_CHARS {
            return Err(format!("the secret of {name} is shorter than {GROUP_SECRET_CHARS} characters"));
        }
        if groups.iter().any(|(other, _)| other == name) {
            return Err(format!("{name} stands twice"));
        }
        groups.push((name.into(), Secret(secret.into())));
    }
    Ok(groups)
}

pub(super) fn parse_cluster_key(text: &str) -> Result<Secret, String> {
    if text.chars().count() < CLUSTER_KEY_CHARS {
        return Err(format!("shorter than {CLUSTER_KEY_CHARS} characters"));
    }
    Ok(Secret(text.into()))
}

pub(super) fn number<T>(text: &str, range: std::ops::RangeInclusive<T>) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd,
{
    match text.parse::<T>() {
        Ok(value) if range.contains(&value) => Ok(value),
        Ok(_) => Err("out of range".into()),
        Err(_) => Err("not a whole number".into()),
    }
}

pub(super) fn parse_auto<T>(text: &str, range: std::ops::RangeInclusive<T>) -> Result<Auto<T>, String>
where
    T: std::str::FromStr + PartialOrd,
{
    if text == "auto" { Ok(Auto::Auto) } else { number(text, range).map(Auto::Value) }
}

pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| "not one of them".into())
}

/// Discord ids, comma-separated.
pub(super) fn parse_ids(text: &str) -> Result<Vec<u64>, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > OPERATORS_MOST {
        return Err(format!("more than {OPERATORS_MOST} ids"));
    }
    parts.into_iter().map(|part| part.parse().map_err(|_| format!("{part:?} is no id of Discord"))).collect()
}

/// An address of a web page, without a slash at its end: https, or http on loopback.
pub(super) fn parse_public_url(text: &str) -> Result<String, String> {
    parse_api_url(text)
}
