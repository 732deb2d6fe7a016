//! Whether a request is one that Graph has by Microsoft's metadata: path, verb, options, and every
//! name in `$select` and `$expand`.

use super::metadata::{Field, Metadata};

/// What is wrong with a request; nothing where it is right. `target` is path and query below the
/// version, as sent.
pub fn wrong(metadata: &mut Metadata, method: &str, target: &str) -> Vec<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = decode(path);
    let (class, offered) = match metadata.operation(&path) {
        None if method == "GET" => match metadata.answer_through_cast(&path) {
            Some(class) => (
                Some(class),
                ["$select", "$expand"].map(str::to_owned).into(),
            ),
            None => return vec![format!("no such path: {path}")],
        },
        None => return vec![format!("no such path: {path}")],
        Some(operation) => match operation.verbs.get(method) {
            None => return vec![format!("{path} has no {method}")],
            Some(answer) => {
                let (answer, offered) = (answer.clone(), operation.options.clone());
                (answer.and_then(|class| metadata.answered(&class)), offered)
            }
        },
    };
    let mut wrong = Vec::new();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = decode(value);
        match name {
            // It comes in a next link, and goes out as it came.
            "$skiptoken" => {}
            _ if !name.starts_with('$') => wrong.push(format!("{name}: without its dollar")),
            _ if !offered.contains(name) => wrong.push(format!("{path} takes no {name}")),
            "$top" if value.parse::<u32>().is_err() => wrong.push(format!("$top={value}")),
            "$select" => selected(metadata, class.as_deref(), &value, &mut wrong),
            "$expand" => expanded(metadata, class.as_deref(), &value, &mut wrong),
            "$filter" => filtered(metadata, class.as_deref(), &value, &mut wrong),
            _ => {}
        }
    }
    wrong
}

fn selected(metadata: &Metadata, class: Option<&str>, names: &str, wrong: &mut Vec<String>) {
    let Some(class) = class else {
        return wrong.push(format!("$select={names}: of what is not known"));
    };
    for name in names.split(',') {
        if let Err(why) = property(metadata, class, name) {
            wrong.push(format!("$select: {why}"));
        }
    }
}

/// The class behind a name with or without a cast before it.
fn property(metadata: &Metadata, class: &str, name: &str) -> Result<Option<String>, String> {
    let (class, name) = match name.rsplit_once('/') {
        Some((cast, name)) => {
            let cast_class = metadata
                .class(cast)
                .filter(|cast_class| metadata.derives(cast_class, class))
                .ok_or_else(|| format!("{cast} is no {class}"))?;
            (cast_class, name)
        }
        None => (class, name),
    };
    match metadata.field_below(class, name) {
        None => Err(format!("{class} has no {name}")),
        Some(Field::Object(object)) => Ok(Some(object.clone())),
        Some(_) => Ok(None),
    }
}

fn expanded(metadata: &Metadata, class: Option<&str>, list: &str, wrong: &mut Vec<String>) {
    let Some(class) = class else {
        return wrong.push(format!("$expand={list}: of what is not known"));
    };
    for item in split_outside(list, ',') {
        let (name, options) = item.split_once('(').unwrap_or((item, ")"));
        let class = match property(metadata, class, name.trim()) {
            Ok(Some(class)) => class,
            Ok(None) => {
                wrong.push(format!("$expand: {name} of {class} leads nowhere"));
                continue;
            }
            Err(why) => {
                wrong.push(format!("$expand: {why}"));
                continue;
            }
        };
        let options = options.strip_suffix(')').unwrap_or_default();
        for option in split_outside(options, ';') {
            match option.split_once('=') {
                Some(("$select", value)) => selected(metadata, Some(&class), value, wrong),
                Some(("$expand", value)) => expanded(metadata, Some(&class), value, wrong),
                _ => wrong.push(format!("{option} inside $expand")),
            }
        }
    }
}

/// Names before a comparison, and types in `isof`.
fn filtered(metadata: &Metadata, class: Option<&str>, filter: &str, wrong: &mut Vec<String>) {
    let words: Vec<&str> = filter.split([' ', '(', ')', ',']).collect();
    for pair in words.windows(2) {
        let compares = matches!(pair[1], "eq" | "ne" | "gt" | "ge" | "lt" | "le");
        if let (true, Some(class)) = (compares && !pair[0].is_empty(), class)
            && let Err(why) = property(metadata, class, pair[0])
        {
            wrong.push(format!("$filter: {why}"));
        }
    }
    for name in filter
        .split('\'')
        .filter(|part| part.starts_with("microsoft.graph."))
    {
        if metadata.class(name).is_none() {
            wrong.push(format!("$filter: no type {name}"));
        }
    }
}

fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(move |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0 && c == separator
    })
    .filter(|part| !part.is_empty())
    .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| std::str::from_utf8(after.get(..2)?).ok())
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
