use axum::extract::Query;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use crate::failure::Failure;
use crate::login::{own_path, see_other};

#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    to: String,
    #[serde(default)]
    next: String,
}

/// `GET /theme?to=dark`: a cookie for a year. It changes nothing but colours, so a link may do it.
pub(crate) async fn change(Query(wish): Query<Wish>) -> Result<Response, Failure> {
    let theme = match wish.to.as_str() {
        "dark" => "dark",
        "light" => "light",
        _ => "auto",
    };
    let mut response = see_other(own_path(&wish.next))?;
    let cookie = format!("miso-theme={theme}; Path=/; Max-Age=31536000; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
