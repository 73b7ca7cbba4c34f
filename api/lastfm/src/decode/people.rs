use serde_json::Value;

use super::Odd;
use super::quirk::{image, number, text};
use crate::shapes::User;

/// `user.getInfo`
pub(crate) fn user(answer: &Value) -> Result<User, Odd> {
    let user = &answer["user"];
    let registered = &user["registered"];
    let registered = number(&registered["unixtime"]).or_else(|| number(registered));
    Ok(User {
        name: text(&user["name"]).ok_or(Odd)?,
        real_name: text(&user["realname"]),
        url: text(&user["url"]),
        image: image(&user["image"]),
        country: text(&user["country"]).filter(|country| country != "None"),
        registered_at: registered.and_then(super::lists::ms),
        plays: number(&user["playcount"]).ok_or(Odd)?,
        artists: number(&user["artist_count"]),
        albums: number(&user["album_count"]),
        tracks: number(&user["track_count"]),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_read_with_numbers_as_text_and_blanks_as_null() {
        let answer = json!({"user": {"name": "ann", "realname": "", "playcount": "150316", "artist_count": "12749",
            "image": [{"size": "small", "#text": ""}], "registered": {"unixtime": "1037793040", "#text": 1037793040},
            "country": "None", "url": "https://www.last.fm/user/ann"}});
        let read = user(&answer).expect("a user");
        assert_eq!((read.plays, read.artists, read.albums), (150_316, Some(12_749), None));
        assert_eq!((read.registered_at, read.real_name, read.image), (Some(1_037_793_040_000), None, None));
        assert_eq!(read.country, None);
        assert_eq!(user(&json!({"user": {"name": "ann"}})), Err(Odd));
        assert_eq!(user(&json!([])), Err(Odd));
    }
}
