//! The web panel: server-rendered pages over the commands API and the data API.
