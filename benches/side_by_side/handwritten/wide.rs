//! Fifty rows of sixty fields, twenty of them under another name.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Upstream, write};

#[derive(Serialize)]
struct Profiles<'a> {
    profiles: Vec<Profile<'a>>,
}

/// A row, read under the backend's names and written under the client's.
#[derive(Deserialize, Serialize)]
struct Profile<'a> {
    #[serde(borrow)]
    text01: Cow<'a, str>,
    #[serde(borrow)]
    text02: Cow<'a, str>,
    #[serde(borrow)]
    text03: Cow<'a, str>,
    #[serde(borrow)]
    text04: Cow<'a, str>,
    #[serde(borrow)]
    text05: Cow<'a, str>,
    #[serde(borrow)]
    text06: Cow<'a, str>,
    #[serde(borrow)]
    text07: Cow<'a, str>,
    #[serde(borrow)]
    text08: Cow<'a, str>,
    #[serde(borrow)]
    text09: Cow<'a, str>,
    #[serde(borrow)]
    text10: Cow<'a, str>,
    #[serde(borrow)]
    text11: Cow<'a, str>,
    #[serde(borrow)]
    text12: Cow<'a, str>,
    #[serde(borrow)]
    text13: Cow<'a, str>,
    #[serde(borrow)]
    text14: Cow<'a, str>,
    #[serde(borrow)]
    text15: Cow<'a, str>,
    #[serde(borrow)]
    text16: Cow<'a, str>,
    #[serde(borrow)]
    text17: Cow<'a, str>,
    #[serde(borrow)]
    text18: Cow<'a, str>,
    #[serde(borrow)]
    text19: Cow<'a, str>,
    #[serde(borrow)]
    text20: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text21"))]
    alias01: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text22"))]
    alias02: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text23"))]
    alias03: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text24"))]
    alias04: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text25"))]
    alias05: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text26"))]
    alias06: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text27"))]
    alias07: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text28"))]
    alias08: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text29"))]
    alias09: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text30"))]
    alias10: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text31"))]
    alias11: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text32"))]
    alias12: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text33"))]
    alias13: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text34"))]
    alias14: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text35"))]
    alias15: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text36"))]
    alias16: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text37"))]
    alias17: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text38"))]
    alias18: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text39"))]
    alias19: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "text40"))]
    alias20: Cow<'a, str>,
    count01: i32,
    count02: i32,
    count03: i32,
    count04: i32,
    count05: i32,
    count06: i32,
    count07: i32,
    count08: i32,
    count09: i32,
    count10: i32,
    count11: i32,
    count12: i32,
    share01: f64,
    flag01: bool,
    share02: f64,
    flag02: bool,
    share03: f64,
    flag03: bool,
    share04: f64,
    flag04: bool,
}

pub(super) async fn answer(upstream: &Upstream<'_>) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, "/profiles").await?;
    write(&Profiles { profiles: serde_json::from_slice(&body)? }, 96 << 10)
}
