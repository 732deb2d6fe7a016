//! Compliance policies and the messages they send.

use super::{ASSIGNMENTS, PLAIN, Part, Platform, PolicyType, Set, Via};
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
                via: Via::Expanded,
                expand: &[],
                parts: &[Part {
                    property: "scheduledActionConfigurations",
                    via: Via::Expanded,
                    expand: &[],
                    parts: &[],
                    count: None,
                }],
                count: None,
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
            via: Via::Expanded,
            expand: &[],
            parts: &[],
            count: None,
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
