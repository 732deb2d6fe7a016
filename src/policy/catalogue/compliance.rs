//! Compliance policies and the messages they send. The scripts that look for custom compliance are
//! with the other scripts.

use super::{APART, ASSIGNMENTS, EXPANDED, PLAIN, Part, Platform, PolicyType, Set, Via};
use crate::graph::ServiceGroup;

/// What happens to devices that do not comply.
const ACTIONS: Part = Part {
    property: "scheduledActionsForRule",
    parts: &[Part {
        property: "scheduledActionConfigurations",
        ..EXPANDED
    }],
    ..EXPANDED
};

const RULES: Set = Set {
    path: "scheduledActionsForRule",
    key: &["ruleName"],
};

const ACTIONS_OF_RULE: Set = Set {
    path: "scheduledActionsForRule[]/scheduledActionConfigurations",
    key: &["actionType", "gracePeriodHours", "notificationTemplateId"],
};

pub(super) static ROWS: [PolicyType; 3] = [
    PolicyType {
        key: "deviceCompliancePolicy",
        label: "Compliance policies",
        platforms: &["windows", "macos", "ios", "android"],
        path: "deviceManagement/deviceCompliancePolicies",
        parts: &[ASSIGNMENTS, ACTIONS],
        platform: Platform::Type,
        sets: &[RULES, ACTIONS_OF_RULE],
        ..PLAIN
    },
    PolicyType {
        key: "compliancePolicyV2",
        label: "Compliance policies made of settings (Linux)",
        platforms: &["linux"],
        group: ServiceGroup::DeviceConfigurationV2,
        path: "deviceManagement/compliancePolicies",
        parts: &[
            ASSIGNMENTS,
            Part {
                property: "settings",
                count: Some("settingCount"),
                ..APART
            },
            // A list does not expand these.
            Part {
                via: Via::Path,
                ..ACTIONS
            },
        ],
        name: "name",
        platform: Platform::Property("platforms"),
        volatile: &["settingCount", "creationSource"],
        sets: &[
            Set {
                path: "settings",
                key: &["settingInstance/settingDefinitionId"],
            },
            RULES,
            ACTIONS_OF_RULE,
        ],
        ..PLAIN
    },
    PolicyType {
        key: "notificationMessageTemplate",
        label: "Notification message templates",
        group: ServiceGroup::Enrollment,
        path: "deviceManagement/notificationMessageTemplates",
        parts: &[Part {
            property: "localizedNotificationMessages",
            ..EXPANDED
        }],
        read_permissions: &["DeviceManagementServiceConfig.Read.All"],
        restore_permissions: &["DeviceManagementServiceConfig.ReadWrite.All"],
        foundation: true,
        sets: &[Set {
            path: "localizedNotificationMessages",
            key: &["locale"],
        }],
        restore_step: Some(40),
        ..PLAIN
    },
];
