//! The sandbox itself, over real HTTP: that it serves what it holds, as Graph would.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/sandbox.rs"]
mod support;

use std::collections::HashSet;

use serde_json::Value;
use support::server::tenant::Resource;
use support::server::{Options, Sandbox, paths};
use support::{CATALOG, Client, PROFILES, SCRIPTS, ids, start};

#[test]
fn paging_returns_every_item_exactly_once() {
    let (sandbox, client) = start();
    for collection in [CATALOG, PROFILES, SCRIPTS] {
        let pages = client.pages(collection);
        assert!(pages.iter().all(|page| page.items().len() <= 25));
        let got: Vec<_> = pages.iter().flat_map(|page| ids(&page.items())).collect();
        assert_eq!(got, sandbox.ids(collection), "{collection}");
        let distinct: HashSet<_> = got.iter().collect();
        assert_eq!(distinct.len(), got.len());
    }
    assert!(client.pages(CATALOG).len() > 2, "the catalogue needs pages");
    assert!(
        (280..=340).contains(&sandbox.policies()),
        "{}",
        sandbox.policies()
    );
}

#[test]
fn a_next_link_is_taken_back_only_byte_for_byte() {
    let (_sandbox, client) = start();
    for (collection, from, to) in [
        (CATALOG, "%255B", "%5B"),
        (CATALOG, "%255B", "%255b"),
        (CATALOG, "$skiptoken", "%24skiptoken"),
        (PROFILES, "%3d", "%3D"),
        (PROFILES, "$expand=assignments&", ""),
        (
            PROFILES,
            "$expand=assignments&",
            "$expand=assignments&$select=id&",
        ),
    ] {
        let link = client
            .get(&format!("{collection}?$expand=assignments"))
            .next()
            .unwrap();
        assert!(link.contains(from), "{link}");
        assert_eq!(client.url(&link).unwrap().status, 200);
        assert_eq!(
            client.url(&link.replace(from, to)).unwrap().status,
            400,
            "{from} -> {to}"
        );
    }
}

#[test]
fn top_counts_up_to_the_page_size() {
    let (_sandbox, client) = start();
    assert_eq!(client.get(&format!("{CATALOG}?$top=7")).items().len(), 7);
    assert_eq!(client.get(&format!("{CATALOG}?$top=500")).items().len(), 25);
    assert_eq!(client.get(&format!("{CATALOG}?$top=0")).status, 400);
    let all = client.list(&format!("{CATALOG}?$top=7"));
    assert_eq!(ids(&all), ids(&client.list(CATALOG)));
}

#[test]
fn every_setting_is_found_below_its_policy() {
    let (_sandbox, client) = start();
    let mut large = 0;
    for policy in client.list(CATALOG) {
        let id = policy["id"].as_str().unwrap();
        let settings = client.list(&format!("{CATALOG}/{id}/settings"));
        assert_eq!(
            policy["settingCount"].to_string(),
            settings.len().to_string()
        );
        let distinct: HashSet<_> = ids(&settings).into_iter().collect();
        assert_eq!(distinct.len(), settings.len());
        assert!(policy.get("settings").is_none(), "a list gives headers");
        large += usize::from(settings.len() > 60);
    }
    assert!(large >= 2);
}

#[test]
fn an_expansion_is_paged_by_its_own_link() {
    let (sandbox, client) = start();
    let policies = client.list(&format!("{CATALOG}?$expand=assignments"));
    let crowded = policies
        .iter()
        .find(|policy| policy.get("assignments@odata.nextLink").is_some())
        .unwrap();
    let mut got = ids(crowded["assignments"].as_array().unwrap());
    assert_eq!(got.len(), 25);
    let mut next = crowded["assignments@odata.nextLink"]
        .as_str()
        .map(str::to_owned);
    while let Some(link) = next {
        let page = client.url(&link).unwrap();
        got.extend(ids(&page.items()));
        next = page.next();
    }
    let id = crowded["id"].as_str().unwrap();
    let whole = sandbox.read(|tenant| {
        let below = tenant.get(CATALOG, id).unwrap().below("assignments");
        below
            .iter()
            .map(|assignment| assignment.id.clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(got, whole);
}

#[test]
fn expansions_are_offered_where_graph_offers_them() {
    let (sandbox, client) = start();
    let set = sandbox.ids("deviceAppManagement/policySets").remove(0);
    let sets = "deviceAppManagement/policySets";
    assert_eq!(
        client
            .get(&format!("{sets}?$expand=items,assignments"))
            .status,
        400
    );
    let single = client
        .get(&format!("{sets}/{set}?$expand=items,assignments"))
        .json();
    assert_eq!(single["items"].as_array().unwrap().len(), 1);
    let terms = "deviceManagement/termsAndConditions";
    assert_eq!(
        client.get(&format!("{terms}?$expand=assignments")).status,
        400
    );
    let tags = client.list("deviceManagement/roleScopeTags?$expand=assignments");
    assert!(
        tags.iter()
            .all(|tag| tag["assignments"] == serde_json::json!([]))
    );
    assert_eq!(
        client
            .list("deviceManagement/roleScopeTags/1/assignments")
            .len(),
        1
    );
    let compliance = client.list(
        "deviceManagement/deviceCompliancePolicies?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)",
    );
    assert!(compliance.iter().all(|policy| {
        let rules = policy["scheduledActionsForRule"].as_array().unwrap();
        rules[0]["scheduledActionConfigurations"]
            .as_array()
            .unwrap()
            .len()
            == 2
    }));
    assert_eq!(
        client
            .get(&format!("{CATALOG}?$expand=settings,relationships"))
            .status,
        400
    );
    assert_eq!(
        client.get(&format!("{CATALOG}?$select=displayName")).status,
        400
    );
}

#[test]
fn administrative_templates_go_three_levels_down() {
    let (sandbox, client) = start();
    let templates = "deviceManagement/groupPolicyConfigurations";
    let mut presentations = 0;
    for id in sandbox.ids(templates) {
        let values = client.list(&format!(
            "{templates}/{id}/definitionValues?$expand=definition"
        ));
        assert!(!values.is_empty());
        for value in &values {
            assert!(value["definition"]["displayName"].is_string());
            let value = value["id"].as_str().unwrap();
            let path = format!("{templates}/{id}/definitionValues/{value}/presentationValues");
            let below = client.list(&format!("{path}?$expand=presentation"));
            assert!(
                below
                    .iter()
                    .all(|item| item["presentation"]["id"].is_string())
            );
            presentations += below.len();
        }
    }
    assert!(presentations > 0);
}

#[test]
fn lists_leave_out_what_only_the_object_has() {
    let (sandbox, client) = start();
    for script in client.list(SCRIPTS) {
        assert_eq!(script.get("scriptContent"), Some(&Value::Null));
        let id = script["id"].as_str().unwrap();
        assert!(client.get(&format!("{SCRIPTS}/{id}")).json()["scriptContent"].is_string());
    }
    let reusable = "deviceManagement/reusablePolicySettings";
    assert!(client.list(reusable)[0].get("settingInstance").is_none());
    let selected = client.list(&format!("{reusable}?$select=id,settingInstance"));
    assert!(selected[0]["settingInstance"].is_object());
    assert!(selected[0].get("displayName").is_none());
    let custom = sandbox.ids(PROFILES).remove(0);
    let path =
        format!("{PROFILES}/{custom}/getOmaSettingPlainTextValue(secretReferenceValueId='x')");
    let refused = client.get(&path);
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .text
            .contains("DeviceManagementConfiguration.ReadWrite.All")
    );
}

#[test]
fn bytes_are_served_as_they_are_kept() {
    let (sandbox, client) = start();
    let lists: String = client
        .pages(PROFILES)
        .into_iter()
        .map(|page| page.text)
        .collect();
    for number in ["0.1000", "12345678901234567890123", "1e5", "-0"] {
        assert!(lists.contains(&format!("\"value\":{number}}}")), "{number}");
    }
    for id in sandbox.ids(PROFILES) {
        let kept = sandbox.text(PROFILES, &id).unwrap();
        assert!(lists.contains(&kept), "{kept}");
    }
    assert!(lists.contains(r"iPads \u2013 restrictions"));
}

#[test]
fn newer_enum_members_show_only_on_request() {
    let (_sandbox, client) = start();
    let plain = client.list(CATALOG);
    assert!(
        plain
            .iter()
            .any(|policy| policy["platforms"] == "unknownFutureValue")
    );
    assert!(plain.iter().all(|policy| policy["platforms"] != "visionOS"));
    let mut next = format!("{CATALOG}?$top=25");
    let mut seen = false;
    loop {
        let page = client.preferring(&next);
        assert!(!page.text.contains("unknownFutureValue"));
        seen |= page.text.contains("visionOS");
        let Some(link) = page.next() else { break };
        link.split_once("/beta/").unwrap().1.clone_into(&mut next);
    }
    assert!(seen);
}

#[test]
fn signing_in_takes_the_right_secret_and_tokens_can_be_revoked() {
    let (sandbox, mut client) = start();
    let wrong = client.ask_token("not it");
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.json()["error"], "invalid_client");
    assert_eq!(wrong.json()["error_codes"][0].to_string(), "7000215");
    assert!(
        wrong.json()["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADSTS7000215: ")
    );
    assert_eq!(client.get(CATALOG).status, 200);
    sandbox.revoke_tokens();
    assert_eq!(client.get(CATALOG).status, 401);
    client.sign_in();
    assert_eq!(client.get(CATALOG).status, 200);
    let recorded = sandbox.requests();
    let refused = recorded
        .iter()
        .find(|request| request.status == 401 && request.path() == CATALOG);
    assert!(!refused.unwrap().authorized);
    assert!(
        recorded
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn the_tenant_can_be_changed() {
    let (sandbox, client) = start();
    let changed = sandbox.change(CATALOG, 2);
    assert_eq!(changed.len(), 2);
    let text = client.get(&format!("{CATALOG}/{}", changed[0].0)).text;
    assert!(text.contains("Changed in the portal, 1"));
    let id = sandbox.add_resource(
        CATALOG,
        Resource::new(r#"{"id":"new-1","name":"n","settingCount":0}"#).with("settings", Vec::new()),
    );
    assert!(sandbox.rename(CATALOG, &id, "renamed"));
    assert!(
        client
            .get(&format!("{CATALOG}/{id}"))
            .text
            .contains(r#""name":"renamed""#)
    );
    assert!(sandbox.update(CATALOG, &id, |text| text.replace("renamed", "edited")));
    assert!(
        client
            .get(&format!("{CATALOG}/{id}"))
            .text
            .contains(r#""name":"edited""#)
    );
    assert!(sandbox.remove(CATALOG, &id));
    assert_eq!(client.get(&format!("{CATALOG}/{id}")).status, 404);
    let settings = format!("{CATALOG}/{}/settings?$top=999", sandbox.ids(CATALOG)[0]);
    let mut before = ids(&client.list(&settings));
    sandbox.reorder();
    before.reverse();
    assert_eq!(ids(&client.list(&settings)), before);
    let id = sandbox.add_lone_surrogate(CATALOG).unwrap();
    assert!(
        client
            .get(&format!("{CATALOG}/{id}"))
            .text
            .contains(r"\ud83d off")
    );
}

#[test]
fn the_tenant_scales_and_repeats_with_its_seed() {
    for wanted in [300, 1000] {
        let sandbox = Sandbox::start(Options {
            policies: Some(wanted),
            ..Options::default()
        });
        let got = sandbox.policies();
        assert!(got.abs_diff(wanted) <= wanted / 20, "{got} for {wanted}");
    }
    let ids = |seed| {
        Sandbox::start(Options {
            seed,
            ..Options::default()
        })
        .ids(CATALOG)
    };
    assert_eq!(ids(3), ids(3));
    assert_ne!(ids(3), ids(4));
    let mut all = HashSet::new();
    assert!(
        ids(3).into_iter().all(|id| all.insert(id)),
        "ids are unique"
    );
}

#[test]
fn everything_kept_is_json_and_has_an_id() {
    let sandbox = Sandbox::start(Options::default());
    fn check(item: &Resource) {
        let parsed: Value = serde_json::from_str(&item.text)
            .unwrap_or_else(|error| panic!("{error}: {}", item.text));
        assert!(parsed.is_object());
        assert!(
            !item.text.contains("\":<"),
            "a word was not filled in: {}",
            item.text
        );
        item.below
            .iter()
            .flat_map(|(_, items)| items)
            .for_each(check);
    }
    let client = Client::new(&sandbox);
    for version in ["beta", "v1.0"] {
        assert_eq!(
            client
                .url(&format!("{}/{version}/organization", sandbox.url()))
                .unwrap()
                .status,
            200
        );
    }
    let v1 = client
        .url(&format!("{}/v1.0/{CATALOG}", sandbox.url()))
        .unwrap();
    assert_eq!(v1.status, 400, "the catalogue is in beta only");
    sandbox.read(|tenant| {
        for path in paths() {
            for item in tenant.list(path) {
                check(item);
                assert!(
                    !item.id.is_empty() || path.ends_with("settings"),
                    "{path}: {}",
                    item.text
                );
            }
        }
    });
}

/// Posts a batch of requests, each as id and URL.
fn batch(client: &Client, items: &[(String, String)]) -> support::Reply {
    let requests: Vec<Value> = items
        .iter()
        .map(|(id, url)| serde_json::json!({"id": id, "method": "GET", "url": url}))
        .collect();
    let request = client
        .agent
        .post(format!("{}/beta/$batch", client.root))
        .header("Authorization", format!("Bearer {}", client.token));
    let body = serde_json::json!({ "requests": requests }).to_string();
    support::reply(request.send(body)).unwrap()
}

#[test]
fn a_batch_answers_each_of_at_most_twenty() {
    let (sandbox, client) = start();
    let items = |count: usize| -> Vec<(String, String)> {
        let url = format!("/{SCRIPTS}?$top=1");
        (1..=count)
            .map(|id| (format!("r{id}"), url.clone()))
            .collect()
    };
    let mut twenty = items(20);
    twenty[3].1 = "/deviceManagement/nothingOfThisName".to_owned();
    let responses = batch(&client, &twenty).json()["responses"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(responses.len(), 20);
    assert_ne!(responses[0]["id"], "r1", "in another order");
    for response in &responses {
        let wanted = if response["id"] == "r4" { 400 } else { 200 };
        assert_eq!(response["status"], wanted);
        assert!(response["headers"]["Content-Type"].is_string());
    }
    let recorded = sandbox.requests();
    assert_eq!(
        recorded.iter().filter(|one| one.batch == Some(1)).count(),
        20
    );
    assert_eq!(batch(&client, &items(21)).status, 400);
    let mut twice = items(2);
    twice[1].0 = "R1".to_owned();
    assert_eq!(batch(&client, &twice).status, 400);
    assert_eq!(batch(&client, &[]).status, 400);
}
