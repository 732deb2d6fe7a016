//! Microsoft's metadata of Graph as its generated Python package has it: operations out of the
//! request builders, types and enumerations out of the models. The files are read as text; each
//! thing that is looked for stands on a line of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// The metadata of one version, as far as it was asked for.
pub struct Metadata {
    root: PathBuf,
    operations: Vec<Operation>,
    read: BTreeSet<String>,
    types: HashMap<String, Type>,
    members: HashMap<String, BTreeSet<String>>,
}

/// A path with its verbs and options.
pub struct Operation {
    pub segments: Vec<String>,
    pub options: BTreeSet<String>,
    /// What each verb answers with: a class, where it is one; of an action or a function that gives a
    /// collection, the class of its objects.
    pub verbs: BTreeMap<String, Option<String>>,
}

/// A type of objects.
#[derive(Default)]
pub struct Type {
    pub base: Option<String>,
    pub fields: BTreeMap<String, Field>,
}

/// What a property holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    Object(String),
    Enum(String),
    Plain,
}

impl Metadata {
    /// The metadata of that version; nothing where the package was not fetched.
    pub fn of(version: &str) -> Option<Self> {
        let package = match version {
            "beta" => "msgraph_beta",
            _ => "msgraph",
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("target/contract")
            .join(version);
        if !root.join("complete").exists() {
            return None;
        }
        let mut metadata = Self {
            root: root.join(package).join("generated"),
            operations: Vec::new(),
            read: BTreeSet::new(),
            types: HashMap::new(),
            members: HashMap::new(),
        };
        metadata.read_models();
        Some(metadata)
    }

    /// The operation of a path, literal segments before parameters.
    pub fn operation(&mut self, path: &str) -> Option<&Operation> {
        let segments: Vec<&str> = path.split('/').collect();
        let first = segments.first()?;
        if self.read.insert((*first).to_owned()) {
            let folder = self.root.join(snake(first));
            read_operations(&folder, &mut self.operations);
        }
        self.operations
            .iter()
            .filter(|operation| operation.matches(&segments))
            .max_by_key(|operation| operation.literals())
    }

    /// What a GET of a path answers with, where the path goes through a type: the object, or one
    /// property of it. The metadata lists few of those paths, so the types are gone by.
    pub fn answer_through_cast(&mut self, path: &str) -> Option<String> {
        let segments: Vec<&str> = path.split('/').collect();
        let at = segments
            .iter()
            .position(|segment| segment.starts_with("microsoft.graph."))?;
        let of = self.operation(&segments[..at].join("/"))?;
        let of = of.verbs.get("GET")?.clone()?;
        let of = self.answered(&of)?;
        let cast = self.class(segments[at])?;
        if !self.derives(cast, &of) {
            return None;
        }
        match segments[at + 1..] {
            [] => Some(cast.to_owned()),
            [property] => match self.field(cast, property)? {
                Field::Object(class) => Some(class.clone()),
                Field::Enum(_) | Field::Plain => None,
            },
            _ => None,
        }
    }

    /// The class that an `@odata.type` names, if there is one.
    pub fn class(&self, odata_type: &str) -> Option<&str> {
        let name = odata_type.trim_start_matches('#');
        let name = name
            .strip_prefix("microsoft.graph.")
            .or_else(|| name.strip_prefix("graph."))?
            .to_ascii_lowercase();
        self.types
            .get_key_value(&name)
            .map(|(name, _)| name.as_str())
    }

    /// The class of the objects in what an operation answers with.
    pub fn answered(&self, class: &str) -> Option<String> {
        let class = class.to_ascii_lowercase();
        if class.ends_with("collectionresponse")
            && let Some(Field::Object(item)) = self.types.get(&class)?.fields.get("value")
        {
            return Some(item.clone());
        }
        self.types.contains_key(&class).then_some(class)
    }

    /// A property of the class or of what it derives from.
    pub fn field(&self, class: &str, name: &str) -> Option<&Field> {
        let mut class = self.types.get(class);
        while let Some(of) = class {
            if let Some(field) = of.fields.get(name) {
                return Some(field);
            }
            class = of.base.as_ref().and_then(|base| self.types.get(base));
        }
        None
    }

    /// The same, also of the classes that derive from it.
    pub fn field_below(&self, class: &str, name: &str) -> Option<&Field> {
        self.field(class, name).or_else(|| {
            let mut names = self.types.keys().filter(|other| self.derives(other, class));
            names.find_map(|other| self.field(other, name))
        })
    }

    /// Whether a class is the other one or derives from it.
    pub fn derives(&self, class: &str, from: &str) -> bool {
        let mut class = Some(class.to_owned());
        while let Some(name) = class {
            if name == from {
                return true;
            }
            class = self.types.get(&name).and_then(|of| of.base.clone());
        }
        false
    }

    /// Whether an enumeration has a member of that name.
    pub fn has_member(&self, enumeration: &str, member: &str) -> bool {
        let members = self.members.get(enumeration);
        members.is_none_or(|members| members.contains(member))
    }

    fn read_models(&mut self) {
        for file in fs::read_dir(self.root.join("models")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "py") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let Some((name, bases)) = text.lines().find_map(class_line) else {
                continue;
            };
            if bases.contains("Enum") {
                self.members.insert(name, members(&text));
            } else {
                let base = bases.split(',').next().unwrap_or_default().trim();
                let own = !matches!(base, "AdditionalDataHolder" | "BackedModel" | "Parsable");
                let of = Type {
                    base: own.then(|| base.to_ascii_lowercase()),
                    fields: text.lines().filter_map(field_line).collect(),
                };
                self.types.insert(name, of);
            }
        }
        assert!(self.types.len() > 2000, "{} types", self.types.len());
    }
}

impl Operation {
    fn matches(&self, segments: &[&str]) -> bool {
        self.segments.len() == segments.len()
            && self.segments.iter().zip(segments).all(|(own, segment)| {
                own == segment || own.starts_with('{') || is_call(own, segment)
            })
    }

    fn literals(&self) -> usize {
        let literal = |segment: &&String| !segment.starts_with('{');
        self.segments.iter().filter(literal).count()
    }
}

/// A function with quoted arguments.
fn is_call(own: &str, segment: &str) -> bool {
    let (Some((name, arguments)), Some((called, values))) =
        (own.split_once('('), segment.split_once('('))
    else {
        return false;
    };
    let argument = arguments.split('=').next();
    let quoted = values
        .split_once('=')
        .is_some_and(|(_, value)| value.starts_with('\'') && value.ends_with("')"));
    name == called && argument == values.split('=').next() && quoted
}

fn read_operations(folder: &Path, operations: &mut Vec<Operation>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_operations(&path, operations);
        } else if path.to_string_lossy().ends_with("_request_builder.py") {
            let text = fs::read_to_string(&path).unwrap();
            operations.extend(operation(folder, &text));
        }
    }
}

fn operation(folder: &Path, text: &str) -> Option<Operation> {
    let template = between(text, "super().__init__(request_adapter, \"", "\"")?;
    let template = template.strip_prefix("{+baseurl}/")?;
    let (path, options) = template.split_once("{?").unwrap_or((template, ""));
    let segments = path.split('/').map(|segment| {
        let cast = segment.strip_prefix("graph.");
        cast.map_or(segment.to_owned(), |cast| format!("microsoft.graph.{cast}"))
    });
    let verbs = text
        .lines()
        .filter_map(|line| between(line.trim(), "async def ", "("))
        .map(|verb| (verb.to_ascii_uppercase(), answer_of(folder, text, verb)));
    Some(Operation {
        segments: segments.collect(),
        options: options
            .trim_end_matches('}')
            .split(',')
            .filter(|option| !option.is_empty())
            .map(|option| option.trim_end_matches('*').replace("%24", "$"))
            .collect(),
        verbs: verbs.collect(),
    })
}

fn answer_of(folder: &Path, text: &str, verb: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.contains(&format!("async def {verb}(")))?;
    let answer = line.rsplit("-> ").next()?.trim_end_matches(':');
    let class = between(answer, "Optional[", "]")?;
    // What wraps the answer of an action or a function is beside it, not among the models.
    let beside = folder.join(format!("{}.py", snake(class).trim_start_matches('_')));
    let Ok(wrapper) = fs::read_to_string(beside) else {
        return Some(class.to_owned());
    };
    match wrapper.lines().find_map(field_line) {
        Some((_, Field::Object(class))) => Some(class),
        _ => None,
    }
}

fn class_line(line: &str) -> Option<(String, &str)> {
    let (name, bases) = line.strip_prefix("class ")?.split_once('(')?;
    Some((name.to_ascii_lowercase(), bases.split(')').next()?))
}

/// `"name": lambda n : setattr(self, 'name', n.get_object_value(Class)),`
fn field_line(line: &str) -> Option<(String, Field)> {
    let (name, rest) = line.trim().strip_prefix('"')?.split_once("\": lambda n")?;
    let (getter, argument) = rest.split_once("n.get_")?.1.split_once('(')?;
    let class = argument.split(')').next()?.to_ascii_lowercase();
    let field = match getter {
        "object_value" | "collection_of_object_values" => Field::Object(class),
        "enum_value" | "collection_of_enum_values" => Field::Enum(class),
        _ => Field::Plain,
    };
    Some((name.to_owned(), field))
}

fn members(text: &str) -> BTreeSet<String> {
    let member = |line: &str| {
        let value = line.trim().split_once(" = \"")?.1;
        Some(value.split('"').next()?.to_owned())
    };
    text.lines().filter_map(member).collect()
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = text.split_once(from)?.1;
    Some(rest.split_once(to)?.0)
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
