//! What a mapping gives for the fields of a type: which of them need no fetch of their own. The shape of a mapping, seen
//! from GraphQL: lists are looked through, and what any alternative gives counts as given.

use crate::mapping::{
    ast::Mapping,
    shape::{ObjectShape, Shape, shape},
};

/// What a mapping gives at one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given(Shape);

impl Given {
    /// What a connector's selection gives.
    pub(super) fn of(mapping: &Mapping) -> Self {
        Given(shape(mapping))
    }

    /// No key: the root, which no mapping gives.
    pub(super) fn nothing() -> Self {
        Given(Shape::Object(ObjectShape::default()))
    }

    /// Whether it is an object of the body as it stands, which may have any key.
    pub(super) fn is_anything(&self) -> bool {
        self.names().is_none()
    }

    /// Whether nothing at all is known of it, nor of what stands below.
    pub(super) fn is_unknown(&self) -> bool {
        self.0 == Shape::Unknown
    }

    /// What is given for a field; none where it is not given.
    pub(super) fn field(&self, name: &str) -> Option<Given> {
        let mut found = Vec::new();
        fields(&self.0, name, &mut found);
        Shape::any_of(found).map(Given)
    }

    /// Whether a field is given by its name, not only by an object passed on as it stands.
    pub(super) fn names_field(&self, name: &str) -> bool {
        names_field(&self.0, name)
    }

    /// Whether a value is given at the end of a path.
    pub(super) fn has_path(&self, path: &[String]) -> bool {
        match path {
            [] => true,
            [name, below @ ..] => self.field(name).is_some_and(|given| given.has_path(below)),
        }
    }

    /// All keys, where they are known.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let mut found = Vec::new();
        names(&self.0, &mut found).then_some(found)
    }
}

fn fields(shape: &Shape, name: &str, found: &mut Vec<Shape>) {
    for alternative in shape.alternatives() {
        match alternative {
            Shape::Unknown => found.push(Shape::Unknown),
            Shape::List(element) => fields(element, name, found),
            Shape::Object(object) => match object.field(name) {
                Some(field) => found.push(field.shape.clone()),
                None if object.is_open => found.push(Shape::Unknown),
                None => {}
            },
            _ => {}
        }
    }
}

fn names_field(shape: &Shape, name: &str) -> bool {
    shape.alternatives().iter().any(|alternative| match alternative {
        Shape::List(element) => names_field(element, name),
        Shape::Object(object) => object.field(name).is_some(),
        _ => false,
    })
}

/// Collects the keys; false where there may be others.
fn names(shape: &Shape, found: &mut Vec<String>) -> bool {
    shape.alternatives().iter().all(|alternative| match alternative {
        Shape::Unknown => false,
        Shape::List(element) => names(element, found),
        Shape::Object(object) => {
            for field in &object.fields {
                if !found.contains(&field.name) {
                    found.push(field.name.clone());
                }
            }
            !object.is_open
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse};

    fn given(text: &str) -> Given {
        Given::of(&parse(text, Grammar::V0_4).unwrap())
    }

    #[test]
    fn a_selection_gives_its_keys_and_those_of_its_paths() {
        let given = given("id name: full_name address: { city } $.meta { total } lines { sku }");
        assert_eq!(given.names().unwrap(), ["id", "name", "address", "total", "lines"]);
        assert!(given.has_path(&["address".to_owned(), "city".to_owned()]));
        assert!(!given.has_path(&["lines".to_owned(), "price".to_owned()]));
    }

    #[test]
    fn a_path_without_selection_may_give_anything() {
        assert!(given("$.data").is_anything());
        assert_eq!(given("$.data->first { id }").names().unwrap(), ["id"]);
    }

    #[test]
    fn all_branches_count() {
        let given = given(r#"$.kind->match(["a", { id: 1 }], [@, { name: 2 }])"#);
        assert_eq!(given.names().unwrap(), ["id", "name"]);
    }
}
