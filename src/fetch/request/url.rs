//! The URL of a request: parts of source and connector joined, dynamic values encoded.
//! Dynamic values can make neither a new segment nor a new parameter, and never touch scheme, host or port.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::BuildError;
use crate::{
    connector::{Request, Source},
    fetch::{Scope, Site},
    mapping::{
        ast::Mapping,
        template::{Part, Template},
        value::Value,
    },
};

/// What a dynamic value keeps as it is: the unreserved characters of RFC 3986.
pub(super) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Origin, path and query, in the order of section 3: what the source says, then what the connector says.
pub(super) fn build<'a>(
    source: &'a Source,
    request: &'a Request,
    scope: &mut Scope<'_, 'a>,
) -> Result<String, BuildError> {
    let base = source.base_url.as_ref();
    let origin = base.and_then(|base| base.origin.as_ref()).or(request.url.origin.as_ref());
    let mut url = Url { text: String::with_capacity(128), segment: 0, dynamic: false, query: false };
    let origin_site =
        if base.is_some_and(|base| base.origin.is_some()) { Site::SourceUrl } else { Site::Url };
    url.origin(origin.ok_or(BuildError::NoBaseUrl)?, origin_site, scope)?;
    if let Some(base) = base {
        url.path(&base.path, Site::SourceUrl, scope)?;
    }
    url.segments(source.path.as_ref(), Site::SourcePath, scope)?;
    url.path(&request.url.path, Site::Url, scope)?;
    url.segments(request.path.as_ref(), Site::Path, scope)?;
    url.end_segment()?;

    url.query(base.and_then(|base| base.query.as_ref()), Site::SourceUrl, scope)?;
    url.parameters(source.query_params.as_ref(), Site::SourceQueryParams, scope)?;
    url.query(request.url.query.as_ref(), Site::Url, scope)?;
    url.parameters(request.query_params.as_ref(), Site::QueryParams, scope)?;
    Ok(url.text)
}

/// A URL being written.
struct Url {
    text: String,
    /// Where the segment being written begins.
    segment: usize,
    /// Whether the segment holds a dynamic value.
    dynamic: bool,
    /// Whether the query has begun.
    query: bool,
}

impl Url {
    /// Scheme and authority. A value here is configuration (`$config`, `$env`) and is written as it stands: it may be a
    /// host with its port, or where nothing stands before it a whole URL that ends in a path. It cannot be anything else.
    fn origin<'a>(
        &mut self,
        template: &'a Template,
        site: Site,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), BuildError> {
        for part in &template.parts {
            match part {
                Part::Literal(text) => self.text.push_str(text),
                Part::Expression { mapping, .. } => {
                    let value = scope.text(site, mapping).ok_or(BuildError::NotText("base URL"))?;
                    let fits: &[u8] = if self.text.is_empty() { b"-._~:[]/%@" } else { b"-._~:[]" };
                    if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || fits.contains(&byte)) {
                        return Err(BuildError::Host);
                    }
                    self.text.push_str(value);
                }
            }
        }
        // Without a host the first segment would be taken for one.
        let without = |scheme: &&str| {
            let (start, rest) = self.text.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        let rest = ["http://", "https://"].iter().find_map(without).ok_or(BuildError::Host)?;
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host.is_empty() || host.starts_with(':') {
            return Err(BuildError::Host);
        }
        self.segment = self.text.len();
        Ok(())
    }

    /// A path as it is written in a URL. Exactly one slash stands at the seam; a lone `/` adds nothing.
    fn path<'a>(
        &mut self,
        template: &'a Template,
        site: Site,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), BuildError> {
        let first = match template.parts.as_slice() {
            [] => return Ok(()),
            [Part::Literal(only)] if only.is_empty() || only == "/" => return Ok(()),
            [Part::Literal(first), ..] => first.as_str(),
            [Part::Expression { .. }, ..] => "",
        };
        let mut seam = match (self.text.ends_with('/'), first.starts_with('/')) {
            (true, true) => 1,
            (false, false) => {
                self.slash()?;
                0
            }
            _ => 0,
        };
        for part in &template.parts {
            match part {
                Part::Literal(text) => {
                    let text = text.get(seam..).unwrap_or_default();
                    for (position, piece) in text.split('/').enumerate() {
                        if position > 0 {
                            self.slash()?;
                        }
                        self.text.push_str(piece);
                    }
                }
                Part::Expression { mapping, .. } => {
                    let value = scope.text(site, mapping).ok_or(BuildError::NotText("URL"))?;
                    self.encoded(value);
                    self.dynamic = true;
                }
            }
            seam = 0;
        }
        Ok(())
    }

    /// `path`: each element is one segment. A slash that the URL ends in is shared with the first of them.
    fn segments<'a>(
        &mut self,
        mapping: Option<&'a Mapping>,
        site: Site,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), BuildError> {
        let Some(mapping) = mapping else { return Ok(()) };
        // A missing list is refused, not skipped: a DELETE must not lose its last segment.
        let Some(Value::List(elements)) = scope.evaluate(site, mapping, Value::Null) else {
            return Err(BuildError::PathNotList);
        };
        for (position, element) in elements.iter().enumerate() {
            if position > 0 || !self.text.ends_with('/') {
                self.slash()?;
            }
            self.encoded(scope.scalar(*element).ok_or(BuildError::NotText("URL's `path`"))?);
            self.dynamic = true;
        }
        Ok(())
    }

    /// A query as it is written in a URL; one that comes out empty leaves no trace.
    fn query<'a>(
        &mut self,
        template: Option<&'a Template>,
        site: Site,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), BuildError> {
        let Some(template) = template else { return Ok(()) };
        let (before, had_query) = (self.text.len(), self.query);
        self.separator();
        for part in &template.parts {
            match part {
                Part::Literal(text) => self.text.push_str(text),
                Part::Expression { mapping, .. } => {
                    let value = scope.text(site, mapping).ok_or(BuildError::NotText("URL"))?;
                    self.encoded(value);
                }
            }
        }
        if self.text.len() == before + 1 {
            self.text.truncate(before);
            self.query = had_query;
        }
        Ok(())
    }

    /// `queryParams`: a null is left out, a list repeats its key. Nothing at all is an empty object.
    fn parameters<'a>(
        &mut self,
        mapping: Option<&'a Mapping>,
        site: Site,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), BuildError> {
        let Some(mapping) = mapping else { return Ok(()) };
        let parameters = match scope.evaluate(site, mapping, Value::Null) {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Object(parameters)) => parameters,
            Some(_) => return Err(BuildError::QueryNotObject),
        };
        for (key, value) in parameters {
            match value {
                Value::Null => {}
                Value::List(elements) => {
                    for element in *elements {
                        self.parameter(key, *element, scope)?;
                    }
                }
                value => self.parameter(key, *value, scope)?,
            }
        }
        Ok(())
    }

    fn parameter<'a>(
        &mut self,
        key: &str,
        value: Value<'a>,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), BuildError> {
        let value = scope.scalar(value).ok_or_else(|| BuildError::QueryNested(key.to_owned()))?;
        self.separator();
        self.encoded(key);
        self.text.push('=');
        self.encoded(value);
        Ok(())
    }

    fn separator(&mut self) {
        self.text.push(if self.query { '&' } else { '?' });
        self.query = true;
    }

    fn encoded(&mut self, value: &str) {
        self.text.extend(utf8_percent_encode(value, ENCODED));
    }

    fn slash(&mut self) -> Result<(), BuildError> {
        self.end_segment()?;
        self.text.push('/');
        self.segment = self.text.len();
        Ok(())
    }

    /// Refuses a segment that a dynamic value made `.` or `..`: every URL parser on the way would resolve it.
    fn end_segment(&mut self) -> Result<(), BuildError> {
        if std::mem::take(&mut self.dynamic) {
            let mut rest = self.text.get(self.segment..).unwrap_or_default();
            let mut dots = 0;
            while let Some(after) = [".", "%2e", "%2E"].iter().find_map(|dot| rest.strip_prefix(dot)) {
                (rest, dots) = (after, dots + 1);
            }
            if rest.is_empty() && (1..=2).contains(&dots) {
                return Err(BuildError::DotSegment);
            }
        }
        Ok(())
    }
}
