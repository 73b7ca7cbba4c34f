//! Artists, albums and tracks.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use miso_command_catalogue::Problem;
use miso_http::Refusal;
use serde_json::json;

use super::{Caller, Parameters, query};
use crate::answer::Meta;
use crate::asked;
use crate::service::Service;
use crate::shapes::{AlbumInfo, ArtistInfo};

type Asked = Result<Query<Parameters>, QueryRejection>;
type Answered = Result<Response, Refusal>;

fn for_user(asked: &Parameters) -> Result<Option<String>, Problem> {
    asked.get("as").filter(|user| !user.is_empty()).map(|user| asked::user(user)).transpose()
}

/// `GET /v1/artist`
pub(super) async fn artist(caller: Caller, State(service): State<Arc<Service>>, asked: Asked) -> Answered {
    let asked = query(asked)?;
    let (name, user) = (asked::name("name", asked.get("name"))?, for_user(&asked)?);
    let (found, pictures) =
        tokio::join!(service.artist(caller.lane, &name, user.as_deref()), service.artist_images(caller.lane, &name));
    let found = found?;
    let mut meta = Meta::of(&found);
    let mut artist: ArtistInfo = found.read()?;
    match pictures {
        Ok((pictures, found)) => {
            meta.add(&found);
            artist.image = pictures.into_iter().next();
        }
        Err(fault) if fault.is_word() => {}
        Err(_) => meta.degrade("image"),
    }
    Ok(meta.answer(&artist, &caller.headers))
}

/// `GET /v1/artist/images`
pub(super) async fn artist_images(caller: Caller, State(service): State<Arc<Service>>, asked: Asked) -> Answered {
    let name = asked::name("name", query(asked)?.get("name"))?;
    match service.artist_images(caller.lane, &name).await {
        Ok((pictures, found)) => Ok(Meta::of(&found).answer(&json!({"images": pictures}), &caller.headers)),
        Err(fault) if fault.is_word() => Err(fault.into()),
        Err(_) => {
            let mut meta = Meta::default();
            meta.degrade("images");
            Ok(meta.answer(&json!({"images": null}), &caller.headers))
        }
    }
}

/// `GET /v1/album`
pub(super) async fn album(caller: Caller, State(service): State<Arc<Service>>, asked: Asked) -> Answered {
    let asked = query(asked)?;
    let (artist, name) = (asked::name("artist", asked.get("artist"))?, asked::name("name", asked.get("name"))?);
    let user = for_user(&asked)?;
    let (found, page) = tokio::join!(
        service.album(caller.lane, &artist, &name, user.as_deref()),
        service.album_page(caller.lane, &artist, &name)
    );
    let found = found?;
    let mut meta = Meta::of(&found);
    let mut album: AlbumInfo = found.read()?;
    match page {
        Ok((page, found)) => {
            meta.add(&found);
            album.release_date = page.release_date;
            album.duration_ms = page.duration_ms.or(album.duration_ms);
        }
        Err(fault) if fault.is_word() => {}
        Err(_) => {
            meta.degrade("release_date");
            if album.duration_ms.is_none() {
                meta.degrade("duration_ms");
            }
        }
    }
    Ok(meta.answer(&album, &caller.headers))
}

/// `GET /v1/track`
pub(super) async fn track(caller: Caller, State(service): State<Arc<Service>>, asked: Asked) -> Answered {
    let asked = query(asked)?;
    let (artist, name) = (asked::name("artist", asked.get("artist"))?, asked::name("name", asked.get("name"))?);
    let found = service.track(caller.lane, &artist, &name, for_user(&asked)?.as_deref()).await?;
    Ok(Meta::of(&found).answer_written(&found.kept.body, &caller.headers))
}
