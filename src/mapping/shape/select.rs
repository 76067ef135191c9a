//! What `{ … }` makes of a shape: of each alternative, of the elements of a list, of null and scalars.

use std::rc::Rc;

use super::{
    ObjectShape, Shape,
    infer::{Infer, Scope},
    made::makes_something,
};
use crate::mapping::{ast::SubSelection, parse::lone_path};

impl Infer<'_> {
    /// `{ … }` applied to a shape.
    pub(super) fn select<'m>(
        &mut self,
        shape: &Shape,
        selection: &'m SubSelection,
        scope: &Scope<'m>,
    ) -> Shape {
        self.for_each(shape, |infer, shape| infer.select_one(shape, selection, scope))
    }

    /// `{ … }` applied to the elements of a list.
    fn select_elements<'m>(
        &mut self,
        element: &Shape,
        selection: &'m SubSelection,
        scope: &Scope<'m>,
    ) -> Shape {
        let made = self.select(element, selection, scope);
        let is_list = |shape: &Shape| matches!(shape, Shape::List(_) | Shape::Missing);
        if !made.alternatives().iter().all(is_list) {
            return made;
        }
        // An element that is missing is null, and of that an object is made where nothing, or lists, are made of others.
        let of_null = self.quietly(|infer| infer.select_one(&Shape::Null, selection, scope));
        Shape::one_of([made, of_null])
    }

    fn select_one<'m>(&mut self, shape: &Shape, selection: &'m SubSelection, scope: &Scope<'m>) -> Shape {
        if let Shape::List(element) = shape {
            return self.select_elements(element, selection, scope).list();
        }
        if *shape == Shape::Missing {
            return Shape::Missing;
        }
        let mut inner = scope.clone();
        inner.dollar = Rc::new(shape.clone());
        inner.one = Rc::new(shape.one());
        inner.at = Rc::clone(&inner.dollar);
        let made = self.object(selection, &inner);
        let maybe_list = match shape {
            Shape::Unknown => true,
            Shape::Object(object) => object.maybe_list,
            Shape::Declared(_) => false,
            // A scalar, or null, stays where nothing is made of it.
            scalar => {
                if makes_something(selection) {
                    return made;
                }
                let made = match lone_path(&selection.items) {
                    Some(_) => made,
                    None => made.each(Shape::or_missing_if_empty),
                };
                return Shape::one_of([made, scalar.clone()]);
            }
        };
        if !maybe_list {
            return made;
        }
        if !made.alternatives().iter().any(|shape| matches!(shape, Shape::Object(_))) {
            return Shape::Unknown;
        }
        made.each(|shape| match shape {
            Shape::Object(object) => Shape::Object(ObjectShape { maybe_list: true, ..object.clone() }),
            other => other.clone(),
        })
    }
}
