//! What hangs below the objects of a collection, as data: expansions and further paths.

/// A navigation property that leads on.
#[derive(Debug, Clone, Copy)]
pub struct Below {
    /// Its name.
    pub name: &'static str,
    /// What `$expand` takes on its elements.
    pub expand: &'static [&'static str],
    /// Paths below one element.
    pub below: &'static [&'static str],
    /// It holds at most one object rather than a list.
    pub one: bool,
}

const LEAF: Below = Below {
    name: "",
    expand: &[],
    below: &[],
    one: false,
};

const BELOW: &[Below] = &[
    Below {
        name: "definitionValues",
        expand: &["definition"],
        below: &["definition", "presentationValues"],
        ..LEAF
    },
    Below {
        name: "presentationValues",
        expand: &["presentation"],
        below: &["presentation"],
        ..LEAF
    },
    Below {
        name: "scheduledActionsForRule",
        expand: &["scheduledActionConfigurations"],
        below: &["scheduledActionConfigurations"],
        ..LEAF
    },
    Below {
        name: "definition",
        one: true,
        ..LEAF
    },
    Below {
        name: "presentation",
        one: true,
        ..LEAF
    },
    Below {
        name: "identityCertificateForClientAuthentication",
        one: true,
        ..LEAF
    },
    Below {
        name: "themeColorLogo",
        one: true,
        ..LEAF
    },
    Below {
        name: "lightBackgroundLogo",
        one: true,
        ..LEAF
    },
    Below {
        name: "landingPageCustomizedImage",
        one: true,
        ..LEAF
    },
    Below {
        name: "categories",
        below: &["settings"],
        ..LEAF
    },
];

/// How a navigation property behaves: a leaf list unless the table says otherwise.
pub fn below(name: &str) -> Below {
    BELOW
        .iter()
        .find(|below| below.name == name)
        .copied()
        .unwrap_or(LEAF)
}
