//! What the demo's shop holds: its rows as types, without how any backend writes them.
//!
//! Each backend takes its own part and changes only that, as services with their own databases do.
//! Tests make the same rows again and compare answers with them.

mod date;
mod generate;
mod random;
mod words;

use std::fmt;

pub use date::{Date, Moment};

/// Cents; displayed as `12.90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub u32);

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// A row of the monolith. The words are clean here; `monolith.rs` gives them their legacy clothes.
#[derive(Debug, Clone)]
pub struct Customer {
    /// Unique.
    pub id: u32,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Birthday; not everybody tells.
    pub born: Option<Date>,
    /// When the account was opened.
    pub registered: Date,
    /// What the account may do.
    pub standing: Standing,
    /// 1 bronze, 2 silver, 3 gold.
    pub loyalty: u32,
    /// Loyalty points.
    pub points: u32,
    /// How much may stand open on account.
    pub credit: Amount,
    /// Who brought this customer to the shop.
    pub referred_by: Option<u32>,
    /// Where parcels go.
    pub address: Address,
}

impl Customer {
    /// Both names.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

/// What a customer's account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Order.
    Active,
    /// Nothing, until somebody has looked at it.
    Blocked,
    /// Nothing: closed.
    Closed,
}

/// Where parcels go.
#[derive(Debug, Clone)]
pub struct Address {
    /// Street without number.
    pub street: String,
    /// House number.
    pub house: String,
    /// Postal code.
    pub postal_code: String,
    /// City.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// A node of the category tree.
#[derive(Debug, Clone)]
pub struct Category {
    /// Unique word.
    pub id: String,
    /// For people.
    pub name: String,
    /// The category it stands in.
    pub parent: Option<String>,
}

/// An article.
#[derive(Debug, Clone)]
pub struct Product {
    /// Unique.
    pub id: u32,
    /// For people.
    pub name: String,
    /// A sentence or two.
    pub description: String,
    /// The category it stands in.
    pub category: String,
    /// Of one.
    pub price: Amount,
    /// Pieces in the warehouse.
    pub stock: u32,
    /// First day on sale.
    pub added: Date,
    /// Goes well with these.
    pub related: Vec<u32>,
}

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    /// Unique.
    pub id: u32,
    /// Whose.
    pub customer: u32,
    /// When.
    pub placed_at: Moment,
    /// How far it is.
    pub status: OrderStatus,
    /// What was ordered, at least one.
    pub lines: Vec<OrderLine>,
    /// How it was paid; none before it was.
    pub payment: Option<Payment>,
}

impl Order {
    /// Of all lines.
    #[must_use]
    pub fn total(&self) -> Amount {
        Amount(self.lines.iter().map(|line| line.price.0 * line.quantity).sum())
    }
}

/// A part of an order.
#[derive(Debug, Clone)]
pub struct OrderLine {
    /// Which product.
    pub product: u32,
    /// How many.
    pub quantity: u32,
    /// Of one, on the day of the order.
    pub price: Amount,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// Received.
    Placed,
    /// Money received.
    Paid,
    /// On its way.
    Shipped,
    /// Arrived.
    Delivered,
    /// Called off before it was shipped.
    Cancelled,
}

impl OrderStatus {
    /// As the orders service writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            OrderStatus::Placed => "PLACED",
            OrderStatus::Paid => "PAID",
            OrderStatus::Shipped => "SHIPPED",
            OrderStatus::Delivered => "DELIVERED",
            OrderStatus::Cancelled => "CANCELLED",
        }
    }

    /// The reverse of `as_str`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Placed, Self::Paid, Self::Shipped, Self::Delivered, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == word)
    }

    /// Whether an order may go from here to there.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Placed, Self::Paid | Self::Cancelled)
                | (Self::Paid, Self::Shipped | Self::Cancelled)
                | (Self::Shipped, Self::Delivered)
        )
    }
}

/// How an order was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// By card.
    Card {
        /// Who issued it.
        brand: &'static str,
        /// Last four digits.
        last_four: String,
    },
    /// By bank transfer.
    Transfer {
        /// What the customer wrote on it.
        reference: String,
    },
    /// With a voucher.
    Voucher {
        /// Its code.
        code: String,
    },
}

/// What a customer thinks of a product.
#[derive(Debug, Clone)]
pub struct Review {
    /// Unique.
    pub id: u32,
    /// Of which product.
    pub product: u32,
    /// By whom.
    pub customer: u32,
    /// 1 to 5.
    pub stars: u32,
    /// In a few words.
    pub title: String,
    /// In more.
    pub text: String,
    /// On which day.
    pub written: Date,
}

/// Everything the shop holds when it opens. Rows stand in the order of their ids, which have no gaps.
#[derive(Debug, Clone)]
pub struct Shop {
    /// In the monolith.
    pub customers: Vec<Customer>,
    /// In the products service.
    pub categories: Vec<Category>,
    /// In the products service.
    pub products: Vec<Product>,
    /// In the orders service.
    pub orders: Vec<Order>,
    /// In the reviews service.
    pub reviews: Vec<Review>,
}
