//! The words that the demo's rows are made of.

/// A category of the shop.
pub(super) struct CategoryWords {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) parent: Option<&'static str>,
    /// What is sold in it; none in a category that only holds others.
    pub(super) products: &'static [&'static str],
    /// The sizes or kinds that each of its products comes in.
    pub(super) variants: &'static [&'static str],
    /// Prices in cents, lowest and highest.
    pub(super) cents: (u32, u32),
}

const POT_SIZES: &[&str] = &["in a 9 cm pot", "in a 12 cm pot", "in a 17 cm pot", "in a 24 cm pot"];
const PACKETS: &[&str] = &["packet", "large packet", "organic packet"];
const WIDTHS: &[&str] = &["10 cm", "14 cm", "18 cm", "25 cm"];
const WEIGHTS: &[&str] = &["1 kg", "5 kg", "20 kg"];

const fn branch(id: &'static str, name: &'static str, parent: Option<&'static str>) -> CategoryWords {
    CategoryWords { id, name, parent, products: &[], variants: &[], cents: (0, 0) }
}

const fn leaf(
    (id, name, parent): (&'static str, &'static str, &'static str),
    products: &'static [&'static str],
    variants: &'static [&'static str],
    cents: (u32, u32),
) -> CategoryWords {
    CategoryWords { id, name, parent: Some(parent), products, variants, cents }
}

/// The tree of categories, parents before their children.
pub(super) const CATEGORIES: &[CategoryWords] = &[
    branch("plants", "Plants", None),
    branch("indoor", "Indoor plants", Some("plants")),
    leaf(
        ("ficus", "Ficus", "indoor"),
        &[
            "Weeping fig",
            "Rubber plant",
            "Fiddle-leaf fig",
            "Banyan",
            "Creeping fig",
            "Ginseng fig",
            "Sacred fig",
        ],
        POT_SIZES,
        (890, 12_900),
    ),
    leaf(
        ("palms", "Palms", "indoor"),
        &["Kentia palm", "Areca palm", "Parlour palm", "Dwarf date palm", "Lady palm"],
        POT_SIZES,
        (1_290, 14_900),
    ),
    leaf(
        ("ferns", "Ferns", "indoor"),
        &["Boston fern", "Maidenhair fern", "Bird's-nest fern", "Staghorn fern", "Blue star fern"],
        POT_SIZES,
        (690, 4_900),
    ),
    leaf(
        ("succulents", "Succulents", "indoor"),
        &["Aloe vera", "Jade plant", "Zebra haworthia", "String of pearls", "Panda plant", "Hen and chicks"],
        POT_SIZES,
        (390, 3_900),
    ),
    leaf(
        ("orchids", "Orchids", "indoor"),
        &["Moth orchid", "Lady's slipper", "Boat orchid", "Dancing-lady orchid"],
        POT_SIZES,
        (1_490, 5_900),
    ),
    branch("outdoor", "Garden plants", Some("plants")),
    leaf(
        ("perennials", "Perennials", "outdoor"),
        &["Coneflower", "Catmint", "Peony", "Hosta", "Stonecrop", "Wood sage", "Lady's mantle"],
        POT_SIZES,
        (390, 2_900),
    ),
    leaf(
        ("shrubs", "Shrubs", "outdoor"),
        &["Hydrangea", "Butterfly bush", "Box", "Lilac", "Witch hazel", "Mock orange"],
        POT_SIZES,
        (990, 9_900),
    ),
    leaf(
        ("herbs", "Herbs", "outdoor"),
        &["Rosemary", "Thyme", "Sage", "Lemon balm", "Peppermint", "Chives", "Oregano"],
        POT_SIZES,
        (290, 1_290),
    ),
    branch("seeds", "Seeds", None),
    leaf(
        ("vegetables", "Vegetable seeds", "seeds"),
        &["Tomato", "Runner bean", "Beetroot", "Kohlrabi", "Swiss chard", "Cucumber", "Pumpkin"],
        PACKETS,
        (190, 690),
    ),
    leaf(
        ("flowers", "Flower seeds", "seeds"),
        &["Sunflower", "Cosmos", "Marigold", "Sweet pea", "Nasturtium", "Cornflower"],
        PACKETS,
        (190, 590),
    ),
    branch("pots", "Pots", None),
    leaf(
        ("clay", "Clay pots", "pots"),
        &["Classic clay pot", "Clay bowl", "Rose pot", "Clay saucer"],
        WIDTHS,
        (190, 2_490),
    ),
    leaf(
        ("glazed", "Glazed pots", "pots"),
        &["Harbour pot", "Moss pot", "Chalk pot", "Indigo pot", "Sand pot"],
        WIDTHS,
        (890, 5_900),
    ),
    branch("care", "Care", None),
    leaf(
        ("soil", "Soil", "care"),
        &["Potting soil", "Seedling compost", "Orchid bark", "Cactus soil", "Garden compost"],
        WEIGHTS,
        (290, 1_990),
    ),
    leaf(
        ("tools", "Tools", "care"),
        &["Hand trowel", "Pruning shears", "Dibber", "Watering can", "Hand fork", "Plant mister"],
        &["ash", "steel", "brass"],
        (690, 4_900),
    ),
];

pub(super) const PRODUCT_REMARKS: &[&str] = &[
    "Grown slowly, sent quickly.",
    "A favourite of our own windowsills.",
    "Forgives a forgotten week.",
    "From a family nursery an hour away.",
    "Wrapped in paper, never in plastic.",
    "Chosen by hand for every order.",
];

pub(super) const FIRST_NAMES: &[&str] = &[
    "Ada", "Amir", "Anneke", "Aurelio", "Beatriz", "Bram", "Carla", "Chidi", "Clara", "Dorota", "Edith",
    "Elif", "Emil", "Esther", "Farah", "Felix", "Greta", "Hanna", "Henrik", "Ines", "Isko", "Jana", "Jonas",
    "Kaito", "Karim", "Laila", "Lars", "Leonie", "Lucia", "Maren", "Mateo", "Mila", "Milan", "Nadia", "Nils",
    "Noor", "Oskar", "Paula", "Piotr", "Rosa", "Samir", "Selma", "Sven", "Tariq", "Tilda", "Ursula",
    "Viktor", "Wanda", "Yara", "Zeno",
];

pub(super) const LAST_NAMES: &[&str] = &[
    "Adler",
    "Amado",
    "Bauer",
    "Bergström",
    "Castell",
    "Dekker",
    "Dogan",
    "Eriksen",
    "Fabre",
    "Falk",
    "Fischer",
    "Garcia",
    "Haddad",
    "Hoffmann",
    "Ito",
    "Jansen",
    "Kaya",
    "Keller",
    "Kowalska",
    "Lang",
    "Lindqvist",
    "Lorenz",
    "Marchetti",
    "Mensah",
    "Moreau",
    "Müller",
    "Nowak",
    "Okafor",
    "Olsen",
    "Peeters",
    "Petrov",
    "Quast",
    "Ricci",
    "Romero",
    "Schäfer",
    "Sørensen",
    "Steiner",
    "Tanaka",
    "Ullmann",
    "Vasquez",
    "Visser",
    "Wagner",
    "Weiss",
    "Yilmaz",
    "Zimmer",
];

pub(super) const STREETS: &[&str] = &[
    "Lindenstr.",
    "Gartenweg",
    "Am Hafen",
    "Kirchgasse",
    "Rosenallee",
    "Bahnhofstr.",
    "Mühlenweg",
    "Marktplatz",
    "Ahornweg",
    "Parkstr.",
];

/// Country, city and the first digits of its postal codes.
pub(super) const CITIES: &[(&str, &str, &str)] = &[
    ("DE", "Hamburg", "20"),
    ("DE", "Köln", "50"),
    ("DE", "Leipzig", "04"),
    ("DE", "Freiburg", "79"),
    ("AT", "Graz", "8"),
    ("AT", "Linz", "4"),
    ("CH", "Basel", "4"),
    ("CH", "Bern", "3"),
    ("NL", "Utrecht", "35"),
    ("DK", "Aarhus", "8"),
];

/// Titles and texts of reviews, by stars from 1 to 5.
pub(super) const REVIEWS: &[&[(&str, &str)]] = &[
    &[
        ("Arrived broken", "The box was wet and the stem was snapped."),
        ("Not as shown", "Half the size of the picture, and the leaves were yellow."),
    ],
    &[
        ("Disappointed", "It never really recovered from the journey."),
        ("Too dear", "Fine, but I have seen the same for less."),
    ],
    &[
        ("It is all right", "Does what it should, no more."),
        ("Slow start", "Needed a month before anything happened, now it grows."),
    ],
    &[
        ("Very good", "Healthy and well packed; one leaf was bent."),
        ("Would buy again", "Bigger than I expected, and in good soil."),
    ],
    &[
        ("Wonderful", "New leaves within a week."),
        ("A joy", "Everybody who visits asks where it is from."),
        ("Perfect present", "My mother called twice to thank me."),
    ],
];
