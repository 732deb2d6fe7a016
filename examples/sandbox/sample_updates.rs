//! Profiles of Windows updates; drivers with their approvals.

use super::sample::{Maker, put};
use super::tenant::{Resource, Tenant};

const DRIVERS: &str = "deviceManagement/windowsDriverUpdateProfiles";

/// All of it: a tenant has few of these.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    let profiles = [
        (
            "deviceManagement/windowsFeatureUpdateProfiles",
            r#""featureUpdateVersion":"Windows 11, version 24H2","rolloutSettings":{"offerStartDateTimeInUTC":null,"offerEndDateTimeInUTC":null,"offerIntervalInDays":null},"deployableContentDisplayName":"Windows 11, version 24H2","endOfSupportDate":"2027-10-12T00:00:00Z","installLatestWindows10OnWindows11IneligibleDevice":false,"installFeatureUpdatesOptional":false"#,
        ),
        (
            "deviceManagement/windowsQualityUpdateProfiles",
            r#""expeditedUpdateSettings":{"qualityUpdateRelease":"2026-11-10T00:00:00Z","daysUntilForcedReboot":1},"releaseDateDisplayName":"11/10/2026 - 2026.11 B","deployableContentDisplayName":"2026.11 B""#,
        ),
        (
            "deviceManagement/windowsQualityUpdatePolicies",
            r#""hotpatchEnabled":true,"approvalSettings":[]"#,
        ),
        (
            DRIVERS,
            r#""approvalType":"manual","deviceReporting":12,"newUpdates":3,"deploymentDeferralInDays":null,"inventorySyncStatus":{"lastSuccessfulSyncDateTime":"2026-11-20T08:00:00Z","driverInventorySyncState":"success"}"#,
        ),
    ];
    for (collection, rest) in profiles {
        for name in ["Fleet", "Pilot"] {
            let template = format!(
                r#"{{"id":"<id>","displayName":"{name}","description":"","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"roleScopeTagIds":["0"],{rest}}}"#
            );
            put(maker, tenant, collection, &template, &[]);
        }
    }
    let profiles: Vec<_> = tenant
        .list(DRIVERS)
        .iter()
        .map(|it| it.id.clone())
        .collect();
    for (id, count) in profiles.iter().zip([30, 2]) {
        let inventories = (0..count).map(|number| driver(maker, number)).collect();
        if let Some(profile) = tenant.get_mut(DRIVERS, id) {
            *profile.below_mut("driverInventories") = inventories;
        }
    }
}

fn driver(maker: &mut Maker, number: usize) -> Resource {
    let id = maker.id();
    let (status, date) = match number % 3 {
        0 => ("approved", "2026-07-01T00:00:00Z"),
        1 => ("needsReview", "0001-01-01T00:00:00Z"),
        _ => ("declined", "0001-01-01T00:00:00Z"),
    };
    Resource::new(format!(
        r#"{{"id":"{id}","name":"Contoso firmware {number}","version":"1.{number}.0.0","manufacturer":"Contoso","releaseDateTime":"2026-06-01T00:00:00Z","driverClass":"Firmware","applicableDeviceCount":4,"approvalStatus":"{status}","category":"recommended","deployDateTime":"{date}"}}"#
    ))
}
