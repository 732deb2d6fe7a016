//! A made-up tenant of 1,000 policies, and how it changes from day to day.
//!
//! The mixture follows what tenants hold: settings catalogs with nested settings, profiles with
//! many flat properties, scripts in base64, administrative templates, small objects. The same seed
//! gives the same tenant.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value, json};

/// Policy types and how many policies of each the tenant has; 1,000 together.
const TYPES: [(&str, usize, Shape); 30] = [
    ("settingsCatalogPolicy", 230, Shape::Catalog),
    ("deviceConfiguration", 170, Shape::Flat),
    ("mobileApp", 110, Shape::App),
    ("deviceCompliancePolicy", 80, Shape::Compliance),
    ("groupPolicyConfiguration", 60, Shape::Templates),
    ("deviceManagementScript", 50, Shape::Script),
    ("deviceHealthScript", 40, Shape::Script),
    ("compliancePolicyV2", 35, Shape::Catalog),
    ("conditionalAccessPolicy", 30, Shape::Compliance),
    ("windowsUpdateRing", 20, Shape::Flat),
    ("iosManagedAppProtection", 15, Shape::Flat),
    ("androidManagedAppProtection", 15, Shape::Flat),
    ("targetedManagedAppConfiguration", 15, Shape::App),
    ("deviceShellScript", 15, Shape::Script),
    ("assignmentFilter", 15, Shape::Small),
    ("roleScopeTag", 10, Shape::Small),
    ("notificationMessageTemplate", 10, Shape::Small),
    ("deviceEnrollmentConfiguration", 10, Shape::Flat),
    ("windowsAutopilotDeploymentProfile", 10, Shape::Small),
    ("windowsFeatureUpdateProfile", 8, Shape::Small),
    ("windowsQualityUpdateProfile", 8, Shape::Small),
    ("windowsDriverUpdateProfile", 8, Shape::Small),
    ("deviceManagementIntent", 8, Shape::Catalog),
    ("reusablePolicySetting", 6, Shape::Catalog),
    ("roleDefinition", 6, Shape::Small),
    ("namedLocation", 6, Shape::Small),
    ("termsAndConditions", 4, Shape::Small),
    ("mobileAppCategory", 3, Shape::Small),
    ("deviceComplianceScript", 2, Shape::Script),
    ("policySet", 1, Shape::Small),
];

const WORDS: &str = "defender firewall bitlocker browser update password account network audit \
    privacy device camera storage kernel remote credential guard exploit protection smartscreen \
    power printer search start menu taskbar wifi vpn certificate proxy edge office outlook teams \
    onedrive backup recovery encryption removable media bluetooth location telemetry diagnostic \
    maximum minimum allow block require enable disable timeout interval length history complexity \
    inactivity baseline production pilot finance sales engineering warehouse kiosk shared";

#[derive(Clone, Copy)]
enum Shape {
    Catalog,
    Flat,
    App,
    Compliance,
    Templates,
    Script,
    Small,
}

/// Numbers that look random and are the same each time (SplitMix64).
pub struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit.max(1) as u64).unwrap_or(0)
    }

    fn word(&mut self) -> &'static str {
        let count = WORDS.split_whitespace().count();
        WORDS
            .split_whitespace()
            .nth(self.below(count))
            .unwrap_or("")
    }

    fn words(&mut self, count: usize) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }

    fn guid(&mut self) -> String {
        let (high, low) = (self.roll(), self.roll());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    fn instant(&mut self, day: usize) -> String {
        let (year, month, date) = (2025 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        let second = self.below(86_400);
        format!(
            "{year}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{:07}Z",
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.below(10_000_000)
        )
    }
}

/// One policy.
pub struct Policy {
    /// Its label.
    pub name: String,
    /// The object as Graph would give it.
    pub object: Value,
}

/// The policies of a tenant, by policy type and id.
pub struct Tenant {
    /// The policies.
    pub types: BTreeMap<&'static str, BTreeMap<String, Policy>>,
    dice: Dice,
}

impl Tenant {
    /// The tenant on its first day.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let groups: Vec<String> = (0..40).map(|_| dice.guid()).collect();
        let mut types: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (key, count, shape) in TYPES {
            for _ in 0..count {
                let policy = policy(&mut dice, key, shape, &groups);
                types.entry(key).or_default().insert(dice.guid(), policy);
            }
        }
        Self { types, dice }
    }

    /// Lets `count` policies change: one value, the version and the time of the change.
    pub fn change(&mut self, day: usize, count: usize) -> Vec<(&'static str, String)> {
        let all: Vec<(&'static str, String)> = self
            .types
            .iter()
            .flat_map(|(key, policies)| policies.keys().map(|id| (*key, id.clone())))
            .collect();
        let mut changed = Vec::new();
        while changed.len() < count {
            let Some(chosen) = all.get(self.dice.below(all.len())) else {
                break;
            };
            if changed.contains(chosen) {
                continue;
            }
            let policy = self
                .types
                .get_mut(chosen.0)
                .and_then(|policies| policies.get_mut(&chosen.1));
            if let Some(policy) = policy {
                change(&mut self.dice, &mut policy.object, day);
            }
            changed.push(chosen.clone());
        }
        changed
    }
}

fn change(dice: &mut Dice, object: &mut Value, day: usize) {
    let target = dice.below(leaves(object));
    let fresh = dice.below(100_000);
    replace_leaf(object, &mut { target }, fresh);
    let version = object.get("version").and_then(Value::as_u64).unwrap_or(0);
    object["lastModifiedDateTime"] = dice.instant(day).into();
    object["version"] = (version + 1).into();
}

/// How many numbers, texts and truth values there are.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Null => 0,
        _ => 1,
    }
}

fn replace_leaf(value: &mut Value, left: &mut usize, fresh: usize) {
    match value {
        Value::Object(members) => {
            for member in members.values_mut() {
                replace_leaf(member, left, fresh);
            }
        }
        Value::Array(items) => {
            for item in items {
                replace_leaf(item, left, fresh);
            }
        }
        Value::Null => {}
        leaf => {
            if *left == 0 {
                *leaf = match &*leaf {
                    Value::Bool(flag) => Value::Bool(!*flag),
                    Value::Number(_) => fresh.into(),
                    Value::String(text) if text.len() < 80 => format!("{text} {fresh}").into(),
                    Value::String(text) => {
                        let half = text.len() / 2;
                        let (head, tail) = text.split_at_checked(half).unwrap_or((text, ""));
                        format!("{head}{fresh:05}{}", tail.get(5..).unwrap_or("")).into()
                    }
                    other => other.clone(),
                };
            }
            *left = left.wrapping_sub(1);
        }
    }
}

fn policy(dice: &mut Dice, key: &str, shape: Shape, groups: &[String]) -> Policy {
    let name = format!("{} - {}", dice.words(2), dice.words(3));
    let mut object = json!({
        "@odata.type": format!("#microsoft.graph.{key}"),
        "displayName": name,
        "description": dice.words(12),
        "createdDateTime": dice.instant(0),
        "lastModifiedDateTime": dice.instant(0),
        "roleScopeTagIds": ["0"],
        "version": 1,
    });
    let body = match shape {
        Shape::Catalog => catalog(dice),
        Shape::Flat => flat(dice, 130),
        Shape::App => flat(dice, 60),
        Shape::Compliance => flat(dice, 70),
        Shape::Templates => templates(dice),
        Shape::Script => script(dice),
        Shape::Small => flat(dice, 12),
    };
    if let (Value::Object(members), Value::Object(more)) = (&mut object, body) {
        members.extend(more);
    }
    let assignments: Vec<Value> = (0..dice.below(4))
        .map(|_| {
            json!({
                "id": dice.guid(),
                "target": {
                    "@odata.type": "#microsoft.graph.groupAssignmentTarget",
                    "groupId": groups.get(dice.below(groups.len())),
                    "deviceAndAppManagementAssignmentFilterId": null,
                    "deviceAndAppManagementAssignmentFilterType": "none",
                },
            })
        })
        .collect();
    object["assignments"] = assignments.into();
    Policy { name, object }
}

fn catalog(dice: &mut Dice) -> Value {
    let settings: Vec<Value> = (0..4 + dice.below(22))
        .map(|at| {
            let id = setting_id(dice);
            let children: Vec<Value> = (0..dice.below(3))
                .map(|_| {
                    json!({
                        "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
                        "settingDefinitionId": setting_id(dice),
                        "settingInstanceTemplateReference": null,
                        "simpleSettingValue": {
                            "@odata.type": "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue",
                            "settingValueTemplateReference": null,
                            "value": dice.below(1000),
                        },
                    })
                })
                .collect();
            json!({
                "id": at.to_string(),
                "settingInstance": {
                    "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
                    "settingDefinitionId": id,
                    "settingInstanceTemplateReference": null,
                    "choiceSettingValue": {
                        "settingValueTemplateReference": null,
                        "value": format!("{id}_{}", dice.below(3)),
                        "children": children,
                    },
                },
            })
        })
        .collect();
    json!({
        "platforms": "windows10",
        "technologies": "mdm",
        "settingCount": settings.len(),
        "settings": settings,
        "templateReference": {
            "templateId": "",
            "templateFamily": "none",
            "templateDisplayName": null,
            "templateDisplayVersion": null,
        },
    })
}

fn setting_id(dice: &mut Dice) -> String {
    let (area, name) = (dice.word(), dice.words(2).replace(' ', ""));
    format!("device_vendor_msft_policy_config_{area}_{name}")
}

fn flat(dice: &mut Dice, properties: usize) -> Value {
    let mut members = Map::new();
    // The same names in the same order for all of a kind, as a Graph type has them.
    let mut names = Dice(properties as u64);
    for _ in 0..properties {
        let name = names.words(3).replace(' ', "");
        let value = match dice.below(10) {
            0..=4 => Value::Null,
            5..=6 => Value::Bool(dice.below(2) == 0),
            7 => dice.below(365).into(),
            8 => "notConfigured".into(),
            _ => dice.words(2).into(),
        };
        members.insert(name, value);
    }
    members.into()
}

fn templates(dice: &mut Dice) -> Value {
    let values: Vec<Value> = (0..5 + dice.below(15))
        .map(|_| {
            json!({
                "id": dice.guid(),
                "enabled": dice.below(2) == 0,
                "configurationType": "policy",
                "lastModifiedDateTime": dice.instant(0),
                "definition": {
                    "id": dice.guid(),
                    "classType": "machine",
                    "displayName": dice.words(6),
                    "categoryPath": format!("\\{}\\{}", dice.words(2), dice.words(2)),
                },
                "presentationValues": [{
                    "@odata.type": "#microsoft.graph.groupPolicyPresentationValueText",
                    "id": dice.guid(),
                    "value": dice.words(2),
                    "presentation": { "id": dice.guid(), "label": dice.words(3) },
                }],
            })
        })
        .collect();
    json!({ "policyConfigurationIngestionType": "builtIn", "definitionValues": values })
}

fn script(dice: &mut Dice) -> Value {
    let mut text = String::from("$ErrorActionPreference = 'Stop'\r\n");
    for _ in 0..40 + dice.below(100) {
        let (path, name) = (
            dice.words(2).replace(' ', "\\"),
            dice.words(2).replace(' ', ""),
        );
        let line = match dice.below(4) {
            0 => format!("Write-Output \"{}\"\r\n", dice.words(7)),
            1 => format!("if (-not (Test-Path 'HKLM:\\SOFTWARE\\{path}')) {{ exit 1 }}\r\n"),
            2 => format!("# {}\r\n", dice.words(9)),
            _ => format!(
                "Set-ItemProperty -Path 'HKLM:\\SOFTWARE\\{path}' -Name '{name}' -Value {}\r\n",
                dice.below(100)
            ),
        };
        text.push_str(&line);
    }
    json!({
        "fileName": "script.ps1",
        "runAsAccount": "system",
        "enforceSignatureCheck": false,
        "runAs32Bit": false,
        "scriptContent": base64::engine::general_purpose::STANDARD.encode(text),
    })
}
