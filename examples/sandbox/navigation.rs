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
    /// It is no object of its own but a value: where there is none, the answer is empty.
    pub value: bool,
    /// It is a file, served as its bytes.
    pub file: bool,
}

const LEAF: Below = Below {
    name: "",
    expand: &[],
    below: &[],
    one: false,
    value: false,
    file: false,
};

/// A picture or a style sheet.
const FILE: Below = Below {
    one: true,
    file: true,
    ..LEAF
};

const FILES: &[&str] = &[
    "backgroundImage",
    "bannerLogo",
    "customCSS",
    "favicon",
    "headerLogo",
    "squareLogo",
    "squareLogoDark",
];

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
        name: "themeColorLogo",
        one: true,
        value: true,
        ..LEAF
    },
    Below {
        name: "lightBackgroundLogo",
        one: true,
        value: true,
        ..LEAF
    },
    Below {
        name: "landingPageCustomizedImage",
        one: true,
        value: true,
        ..LEAF
    },
    Below {
        name: "branding",
        below: &["localizations"],
        one: true,
        ..LEAF
    },
    Below {
        name: "localizations",
        below: FILES,
        ..LEAF
    },
    Below {
        name: "microsoftTunnelConfiguration",
        one: true,
        ..LEAF
    },
    Below {
        name: "categories",
        below: &["settings"],
        ..LEAF
    },
];

/// Navigation properties that lead to one object, and no further.
const ONE: &[&str] = &[
    "definition",
    "presentation",
    "rootCertificate",
    "rootCertificateForServerValidation",
    "rootCertificateForClientValidation",
    "identityCertificate",
    "identityCertificateForClientAuthentication",
    "smimeSigningCertificate",
    "smimeEncryptionCertificate",
    "singleSignOnExtensionPkinitCertificate",
    "derivedCredentialSettings",
    "defaultIosEnrollmentProfile",
    "defaultMacOsEnrollmentProfile",
    "defaultTvOSEnrollmentProfile",
    "defaultVisionOSEnrollmentProfile",
    "themeColorLogo",
    "lightBackgroundLogo",
    "landingPageCustomizedImage",
];

/// How a navigation property behaves: a leaf list unless the tables say otherwise.
pub fn below(name: &str) -> Below {
    if FILES.contains(&name) {
        return FILE;
    }
    let one = ONE.contains(&name);
    BELOW
        .iter()
        .find(|below| below.name == name)
        .copied()
        .unwrap_or(Below { one, ..LEAF })
}
