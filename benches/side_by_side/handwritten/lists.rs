//! Lists: three fields of a big one, one of any length, and one that is reshaped.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{List, Upstream, write};

#[derive(Deserialize, Serialize)]
struct Product<'a> {
    id: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    price: u32,
}

#[derive(Serialize)]
struct Catalogue<'a> {
    catalogue: Vec<Product<'a>>,
}

#[derive(Serialize)]
struct Rows<'a> {
    rows: Vec<Product<'a>>,
}

pub(super) async fn catalogue(upstream: &Upstream<'_>) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, "/catalogue").await?;
    write(&Catalogue { catalogue: serde_json::from_slice(&body)? }, 512 << 10)
}

pub(super) async fn rows(upstream: &Upstream<'_>, count: u32) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, &format!("/rows?count={count}")).await?;
    let rows: Vec<Product<'_>> = serde_json::from_slice(&body)?;
    let capacity = rows.len() * 64 + 64;
    write(&Rows { rows }, capacity)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    items: Vec<Article<'a>>,
}

#[derive(Deserialize)]
struct Article<'a> {
    id: u32,
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    tags: Vec<Text<'a>>,
    #[serde(borrow)]
    authors: Vec<Author<'a>>,
    #[serde(borrow)]
    summary: Cow<'a, str>,
    cents: u64,
    quantity: u64,
}

#[derive(Deserialize)]
struct Author<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    role: Cow<'a, str>,
}

/// A text in a list, borrowed where it can be: `Vec<Cow<str>>` would own them all.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Parts joined by a hyphen, written where they go.
struct Joined<'a>(&'a [Text<'a>]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, Text(part)) in self.0.iter().enumerate() {
            f.write_str(if position == 0 { "" } else { "-" })?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl Serialize for Joined<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct Articles<T> {
    articles: T,
}

#[derive(Serialize)]
struct FullArticle<'a, N> {
    id: u32,
    title: &'a str,
    slug: Joined<'a>,
    lead: Option<&'a str>,
    #[serde(rename = "firstTag")]
    first_tag: Option<&'a str>,
    names: N,
    short: &'a str,
    words: usize,
    label: &'static str,
    total: u64,
}

pub(super) async fn articles(upstream: &Upstream<'_>) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, "/articles").await?;
    let Envelope { items } = serde_json::from_slice(&body)?;
    let live = items.iter().filter(|article| article.state == "live");
    let articles = List::of(live.map(|article| FullArticle {
        id: article.id,
        title: article.title.trim(),
        slug: Joined(&article.tags),
        lead: article.authors.iter().find(|author| author.role == "lead").map(|author| &*author.name),
        first_tag: article.tags.first().map(|Text(tag)| &**tag),
        names: List::of(article.authors.iter().map(|author| &author.name)),
        short: first_chars(&article.summary, 40),
        words: article.summary.split(' ').count(),
        label: if article.state == "live" { "On sale" } else { "Draft" },
        total: article.cents * article.quantity,
    }));
    write(&Articles { articles }, 32 << 10)
}

fn first_chars(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}
