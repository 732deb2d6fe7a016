use proptest::prelude::*;

use super::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn first() -> Standing {
    Standing {
        tries: 1,
        alike: 1,
        retry_after: None,
        token_refreshed: false,
        failing_for: Duration::ZERO,
        first_wait: true,
        waited: Duration::ZERO,
        left: secs(3600),
        jitter: 1.0,
    }
}

fn asking(seconds: u64) -> Standing {
    Standing {
        retry_after: Some(secs(seconds)),
        ..first()
    }
}

fn gives_up(fault: Fault, endpoint_too: bool) -> Decision {
    Decision::GiveUp {
        fault,
        endpoint_too,
    }
}

fn wait(decision: Decision) -> Option<Duration> {
    match decision {
        Decision::Retry { after, .. } => Some(after),
        _ => None,
    }
}

#[test]
fn each_status_has_its_number_of_tries() {
    let tries = |cause: Cause| {
        (1..=10)
            .find(|&n| {
                let standing = Standing {
                    tries: n,
                    alike: n,
                    jitter: 0.0,
                    ..first()
                };
                wait(decide(cause, &standing)).is_none()
            })
            .unwrap()
    };
    for status in [408, 429, 502, 503, 504, 509] {
        assert_eq!(tries(Cause::Status(status)), 5, "{status}");
    }
    for status in [500, 506, 599] {
        assert_eq!(tries(Cause::Status(status)), 2, "{status}");
    }
    for cause in [Cause::Network, Cause::BadBody, Cause::NoHandle] {
        assert_eq!(tries(cause), 3);
    }
    for status in [
        100, 301, 302, 400, 403, 404, 405, 406, 409, 410, 412, 413, 414, 415, 422, 423, 424, 501,
        505, 507, 600,
    ] {
        assert_eq!(tries(Cause::Status(status)), 1, "{status}");
    }
}

#[test]
fn final_answers_have_their_fault() {
    for (status, fault) in [
        (302, Fault::BadResponse),
        (400, Fault::Refused),
        (403, Fault::Forbidden),
        (404, Fault::NotFound),
        (415, Fault::Refused),
        (501, Fault::Unavailable),
    ] {
        assert_eq!(
            decide(Cause::Status(status), &first()),
            gives_up(fault, false)
        );
    }
}

#[test]
fn a_401_gets_one_new_token() {
    assert_eq!(decide(Cause::Status(401), &first()), Decision::RefreshToken);
    let again = Standing {
        token_refreshed: true,
        ..first()
    };
    assert_eq!(
        decide(Cause::Status(401), &again),
        gives_up(Fault::Auth, false)
    );
}

#[test]
fn only_a_429_pauses_the_tenant_and_only_a_503_or_a_break_changes_the_connection() {
    for (cause, connection, pause) in [
        (Cause::Status(429), false, true),
        (Cause::Status(509), false, true),
        (Cause::Status(503), true, false),
        (Cause::Network, true, false),
        (Cause::Status(504), false, false),
        (Cause::BadBody, false, false),
    ] {
        assert_eq!(
            decide(cause, &first()),
            Decision::Retry {
                after: secs(2),
                new_connection: connection,
                pause_tenant: pause,
            }
        );
    }
}

#[test]
fn the_server_is_obeyed_up_to_300_seconds() {
    assert_eq!(wait(decide(Cause::Status(429), &asking(5))), Some(secs(5)));
    assert_eq!(
        wait(decide(Cause::Status(429), &asking(300))),
        Some(secs(300))
    );
    assert_eq!(
        decide(Cause::Status(429), &asking(301)),
        gives_up(Fault::Throttled, true)
    );
    assert_eq!(
        decide(Cause::Status(503), &asking(u64::MAX)),
        gives_up(Fault::Unavailable, true)
    );
    let explained = Standing {
        tries: 2,
        alike: 2,
        ..asking(1)
    };
    assert!(wait(decide(Cause::Status(500), &explained)).is_some());
}

#[test]
fn backoff_doubles_from_two_seconds_to_sixty() {
    let at = |n| backoff(n, 1.0);
    assert_eq!(
        [at(1), at(2), at(3), at(4), at(5), at(6), at(u32::MAX)],
        [2, 4, 8, 16, 32, 60, 60].map(secs)
    );
    assert_eq!(backoff(1, 0.5), secs(1));
    assert_eq!(backoff(1, 0.0), BACKOFF_FLOOR);
    assert_eq!(backoff(1, f64::NAN), secs(2));
}

#[test]
fn an_endpoint_is_given_up_within_two_minutes_of_its_first_failure() {
    let at = |failing_for: u64, first_wait: bool, asks: u64| {
        decide(
            Cause::Status(503),
            &Standing {
                failing_for: secs(failing_for),
                first_wait,
                ..asking(asks)
            },
        )
    };
    assert_eq!(
        wait(at(0, true, 200)),
        Some(secs(200)),
        "the first, asked for"
    );
    assert_eq!(at(200, false, 1), gives_up(Fault::Unavailable, true));
    assert_eq!(at(10, false, 111), gives_up(Fault::Unavailable, true));
    assert_eq!(wait(at(10, false, 110)), Some(secs(110)));
    let ours = Standing {
        failing_for: secs(119),
        ..first()
    };
    assert_eq!(
        decide(Cause::Status(503), &ours),
        gives_up(Fault::Unavailable, true),
        "the first wait, but of our own choice"
    );
}

#[test]
fn a_tenant_waits_fifteen_minutes_in_all() {
    let waited = |seconds: u64| Standing {
        waited: secs(seconds),
        ..asking(10)
    };
    assert!(wait(decide(Cause::Status(429), &waited(890))).is_some());
    assert_eq!(
        decide(Cause::Status(429), &waited(891)),
        gives_up(Fault::Throttled, false)
    );
}

#[test]
fn no_wait_outlasts_the_run() {
    let left = |seconds: u64| Standing {
        left: secs(seconds),
        ..asking(10)
    };
    assert!(wait(decide(Cause::Status(429), &left(11))).is_some());
    assert_eq!(
        decide(Cause::Status(429), &left(10)),
        gives_up(Fault::TimedOut, false)
    );
}

fn parsed(value: &str) -> Option<u64> {
    retry_after(&[value.to_owned()], Some("Sun, 06 Nov 1994 08:49:37 GMT"))
        .map(|wait| wait.as_secs())
}

#[test]
fn retry_after_is_read_in_every_form_seen() {
    for (value, seconds) in [
        ("5", Some(5)),
        (" 5 ", Some(5)),
        ("2.128", Some(3)),
        ("2.000", Some(2)),
        ("0.2", Some(1)),
        ("5,5", Some(5)),
        ("5, 7", Some(7)),
        ("99999999999999999999999999", Some(u64::MAX)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
        ("Sun Nov  6 08:50:37 1994", Some(60)),
        ("Sun, 06 Nov 1994 08:49:36 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("0", None),
        ("0.0", None),
        ("-1", None),
        ("", None),
        ("abc", None),
        ("1e3", None),
        ("inf", None),
        ("+5", None),
        ("5.", None),
        (".5", None),
        ("٥", None),
    ] {
        assert_eq!(parsed(value), seconds, "{value:?}");
    }
}

#[test]
fn a_date_counts_from_the_date_of_the_answer_or_not_at_all() {
    let value = ["Sun, 06 Nov 1994 08:50:37 GMT".to_owned()];
    assert_eq!(retry_after(&value, None), None);
    assert_eq!(retry_after(&value, Some("today")), None);
    let twice = ["5".to_owned(), "6".to_owned()];
    assert_eq!(retry_after(&twice, None), Some(secs(6)));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(value in ".{0,40}", date in ".{0,40}") {
        let _ = retry_after(&[value], Some(&date));
    }

    #[test]
    fn seconds_round_up_and_never_down(whole in 0_u64..100_000, fraction in 0_u32..1000) {
        let text = format!("{whole}.{fraction:03}");
        let expected = whole + u64::from(fraction > 0);
        prop_assert_eq!(parsed(&text), Some(expected).filter(|&s| s > 0));
    }

    #[test]
    fn no_wait_breaks_a_limit(
        status in 100_u16..600,
        tries in 1_u32..7,
        asks in proptest::option::of(0_u64..400),
        failing in 0_u64..200,
        first_wait: bool,
        waited in 0_u64..1000,
        left in 0_u64..400,
        jitter in 0.0_f64..1.0,
    ) {
        let standing = Standing {
            tries,
            alike: tries,
            retry_after: asks.map(secs),
            token_refreshed: false,
            failing_for: secs(failing),
            first_wait,
            waited: secs(waited),
            left: secs(left),
            jitter,
        };
        if let Some(after) = wait(decide(Cause::Status(status), &standing)) {
            prop_assert!(tries < 5);
            prop_assert!(after <= secs(300));
            prop_assert!(after < secs(left));
            prop_assert!(after + secs(waited) <= secs(900));
            prop_assert!(asks.is_none_or(|asked| after == secs(asked)));
            if !(first_wait && asks.is_some()) {
                prop_assert!(after + secs(failing) <= secs(120));
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::mutation::config())]

    #[test]
    fn what_becomes_of_a_header_is_a_wait_or_none(
        value in crate::mutation::mutated_text(&[
            "5", "2.128", "5,5", "Sun, 06 Nov 1994 08:50:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "-1", "99999999",
        ]),
        date in crate::mutation::mutated_text(&["Sun, 06 Nov 1994 08:49:37 GMT"]),
    ) {
        probe(&format!("{value}\n{date}"));
    }
}
