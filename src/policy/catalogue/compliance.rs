//! Compliance policies and the messages they send.

use super::{ASSIGNMENTS, EXPANDED, PLAIN, Part, Platform, PolicyType, Set};
use crate::graph::ServiceGroup;

pub(super) static ROWS: [PolicyType; 2] = [
    PolicyType {
        key: "deviceCompliancePolicy",
        label: "Compliance policies",
        platforms: &["windows", "macos", "ios", "android"],
        path: "deviceManagement/deviceCompliancePolicies",
        parts: &[
            ASSIGNMENTS,
            Part {
                property: "scheduledActionsForRule",
                parts: &[Part {
                    property: "scheduledActionConfigurations",
                    ..EXPANDED
                }],
                ..EXPANDED
            },
        ],
        platform: Platform::Type,
        sets: &[
            Set {
                path: "scheduledActionsForRule",
                key: &["ruleName"],
            },
            Set {
                path: "scheduledActionsForRule[]/scheduledActionConfigurations",
                key: &["actionType", "gracePeriodHours", "notificationTemplateId"],
            },
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
