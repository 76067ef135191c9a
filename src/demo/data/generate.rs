//! Fills the shop: the same rows every time, made from a seed.

use super::{
    Address, Amount, Category, Customer, Date, Moment, Order, OrderLine, OrderStatus, Payment, Product,
    Review, Shop, Standing,
    random::Random,
    words::{CATEGORIES, CITIES, FIRST_NAMES, LAST_NAMES, PRODUCT_REMARKS, REVIEWS, STREETS},
};

const CUSTOMERS: u32 = 1_000;
const ORDERS: u32 = 3_000;
const REVIEW_COUNT: u32 = 4_000;

/// Each kind of row counts from its own number, so that a mixed-up id is seen at once.
const FIRST_CUSTOMER: u32 = 1_001;
const FIRST_PRODUCT: u32 = 101;
const FIRST_ORDER: u32 = 20_001;
const FIRST_REVIEW: u32 = 50_001;

impl Shop {
    /// The demo's shop: always the same.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = Random::new(0x000F_1C05);
        let customers = (0..CUSTOMERS).map(|nth| customer(nth, &mut random)).collect();
        let products = products(&mut random);
        let orders = (0..ORDERS).map(|nth| order(nth, &products, &mut random)).collect();
        let count = u32::try_from(products.len()).unwrap_or(u32::MAX);
        let reviews = (0..REVIEW_COUNT).map(|nth| review(nth, count, &mut random)).collect();
        let categories = CATEGORIES
            .iter()
            .map(|words| Category {
                id: words.id.to_owned(),
                name: words.name.to_owned(),
                parent: words.parent.map(str::to_owned),
            })
            .collect();
        Shop { customers, categories, products, orders, reviews }
    }
}

fn customer(nth: u32, random: &mut Random) -> Customer {
    let city = CITIES.get(random.between(0, 9) as usize);
    let (country, city, code) = city.copied().unwrap_or(("DE", "Hamburg", "20"));
    let digits = if country == "DE" { 5 } else { 4 };
    let rest = digits - u32::try_from(code.len()).unwrap_or(0);
    let number = random.between(0, 10_u32.pow(rest) - 1);
    Customer {
        id: FIRST_CUSTOMER + nth,
        first_name: random.pick(FIRST_NAMES).to_owned(),
        last_name: random.pick(LAST_NAMES).to_owned(),
        born: random.chance(80).then(|| random.date(1948, 2006)),
        registered: random.date(2009, 2024),
        standing: match random.between(1, 20) {
            1 => Standing::Blocked,
            2 => Standing::Closed,
            _ => Standing::Active,
        },
        loyalty: random.between(1, 3),
        points: random.between(0, 5_000),
        credit: Amount(random.between(1, 40) * 2_550),
        // Only customers who came earlier can have brought this one, so that no chain is a ring.
        referred_by: (nth >= 20 && random.chance(40)).then(|| FIRST_CUSTOMER + random.between(0, nth - 1)),
        address: Address {
            street: random.pick(STREETS).to_owned(),
            house: random.between(1, 120).to_string(),
            postal_code: format!("{code}{number:0width$}", width = rest as usize),
            city: city.to_owned(),
            country: country.to_owned(),
        },
    }
}

fn products(random: &mut Random) -> Vec<Product> {
    let variants = CATEGORIES.iter().flat_map(|category| {
        let pairs =
            category.products.iter().flat_map(|name| category.variants.iter().map(move |kind| (name, kind)));
        pairs.map(move |(name, kind)| (category, format!("{name}, {kind}")))
    });
    let names: Vec<_> = variants.collect();
    let last = u32::try_from(names.len().saturating_sub(1)).unwrap_or(0);
    (FIRST_PRODUCT..)
        .zip(names)
        .map(|(id, (category, name))| {
            let mut related: Vec<u32> =
                (0..random.between(0, 4)).map(|_| FIRST_PRODUCT + random.between(0, last)).collect();
            related.retain(|other| *other != id);
            related.sort_unstable();
            related.dedup();
            Product {
                id,
                name,
                description: random.pick(PRODUCT_REMARKS).to_owned(),
                category: category.id.to_owned(),
                price: Amount(random.between(category.cents.0 / 10, category.cents.1 / 10) * 10),
                stock: random.between(0, 250),
                added: random.date(2015, 2024),
                related,
            }
        })
        .collect()
}

fn order(nth: u32, products: &[Product], random: &mut Random) -> Order {
    let count = u32::try_from(products.len()).unwrap_or(u32::MAX);
    let lines = (0..random.between(1, 4))
        .filter_map(|_| {
            let product = products.get(random.skewed(count) as usize)?;
            Some(OrderLine { product: product.id, quantity: random.between(1, 3), price: product.price })
        })
        .collect();
    let status = match random.between(1, 10) {
        1 => OrderStatus::Placed,
        2 => OrderStatus::Paid,
        3 | 4 => OrderStatus::Shipped,
        5 => OrderStatus::Cancelled,
        _ => OrderStatus::Delivered,
    };
    let unpaid = matches!(status, OrderStatus::Placed | OrderStatus::Cancelled);
    Order {
        id: FIRST_ORDER + nth,
        customer: FIRST_CUSTOMER + random.skewed(CUSTOMERS),
        // One order after the other through 25 months of 30 days' room each, so that ids and days agree.
        placed_at: Moment {
            date: Date { year: 2024 + nth / 1_440, month: nth / 120 % 12 + 1, day: nth % 120 / 5 + 1 },
            second: nth % 5 * 15_000 + random.between(20_000, 24_999),
        },
        status,
        payment: (!unpaid).then(|| payment(nth, random)),
        lines,
    }
}

fn payment(nth: u32, random: &mut Random) -> Payment {
    match random.between(1, 5) {
        1 => Payment::Voucher { code: format!("FERN-{:04}", random.between(0, 9_999)) },
        2 | 3 => Payment::Transfer { reference: format!("FICUS {}", FIRST_ORDER + nth) },
        _ => Payment::Card {
            brand: random.pick(&["Visa", "Mastercard", "Girocard"]),
            last_four: format!("{:04}", random.between(0, 9_999)),
        },
    }
}

fn review(nth: u32, products: u32, random: &mut Random) -> Review {
    // People write when they are glad, and some when they are not.
    let stars = [1, 2, 3, 4, 4, 4, 5, 5, 5, 5].get(random.between(0, 9) as usize).copied().unwrap_or(5);
    let texts = REVIEWS.get(stars as usize - 1).copied().unwrap_or_default();
    let last = u32::try_from(texts.len().saturating_sub(1)).unwrap_or(0);
    let (title, text) = texts.get(random.between(0, last) as usize).copied().unwrap_or_default();
    Review {
        id: FIRST_REVIEW + nth,
        product: FIRST_PRODUCT + random.skewed(products),
        customer: FIRST_CUSTOMER + random.between(0, CUSTOMERS - 1),
        stars,
        title: title.to_owned(),
        text: text.to_owned(),
        written: random.date(2018, 2025),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_makes_the_same_shop() {
        let (one, other) = (Shop::generate(), Shop::generate());
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn rows_refer_to_rows_that_exist() {
        let shop = Shop::generate();
        let customers = FIRST_CUSTOMER..FIRST_CUSTOMER + CUSTOMERS;
        let products = FIRST_PRODUCT..FIRST_PRODUCT + u32::try_from(shop.products.len()).unwrap();
        assert!(shop.customers.iter().all(|row| row.referred_by.is_none_or(|by| by < row.id)));
        assert!(
            shop.products
                .iter()
                .all(|row| shop.categories.iter().any(|category| category.id == row.category))
        );
        assert!(shop.products.iter().flat_map(|row| &row.related).all(|id| products.contains(id)));
        assert!(shop.orders.iter().all(|row| customers.contains(&row.customer) && !row.lines.is_empty()));
        assert!(shop.orders.iter().flat_map(|row| &row.lines).all(|line| products.contains(&line.product)));
        assert!(
            shop.reviews
                .iter()
                .all(|row| products.contains(&row.product) && customers.contains(&row.customer))
        );
        for (nth, row) in shop.orders.iter().enumerate() {
            assert_eq!(row.id as usize, FIRST_ORDER as usize + nth);
        }
    }

    #[test]
    fn there_is_something_of_every_kind() {
        let shop = Shop::generate();
        assert!(shop.customers.iter().any(|row| row.born.is_none()));
        assert!(shop.products.iter().any(|row| !shop.reviews.iter().any(|review| review.product == row.id)));
        for status in ["PLACED", "PAID", "SHIPPED", "DELIVERED", "CANCELLED"] {
            assert!(shop.orders.iter().any(|row| Some(row.status) == OrderStatus::parse(status)), "{status}");
        }
    }
}
