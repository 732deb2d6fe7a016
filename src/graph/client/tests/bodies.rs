//! Bodies: none, broken off, large, compressed, and no JSON.

use std::io::Write as _;

use super::*;

#[test]
fn a_success_that_is_none_is_tried_three_times() {
    for body in [
        "",
        "null",
        "<html>login</html>",
        "{\"value\":[{\"id\":\"1\"}",
        "{\"error\":{\"code\":\"x\",\"message\":\"y\"}}",
    ] {
        let scene = scene(vec![Reply::json(200, body).for_ever()]);
        assert_eq!(fault(scene.client.get(&request())), Fault::BadResponse);
        assert_eq!(scene.server.gets().len(), 3, "{body}");
    }
}

#[test]
fn bodies_that_break_off_are_never_taken_for_whole() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    for raw in [
        format!("{head}Content-Length: 100\r\n\r\n{{\"value\":[]}}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"val\r\n"),
        format!("{head}\r\n{{\"value\":[{{\"id\":"),
        "HTTP/1.1 200 OK\r\nContent-Le".to_owned(),
        "not HTTP at all\r\n\r\n".to_owned(),
        String::new(),
    ] {
        let scene = scene(vec![Reply::raw(raw.as_bytes()).for_ever()]);
        let error = scene.client.get(&request()).unwrap_err();
        assert!(
            matches!(error.fault, Fault::Network | Fault::BadResponse),
            "{raw}: {error:?}"
        );
        assert_eq!(scene.server.gets().len(), 3, "{raw}");
    }
}

#[test]
fn a_connection_that_breaks_once_costs_one_try() {
    let scene = scene(vec![Reply::raw(b""), ok()]);
    assert!(scene.client.get(&request()).is_ok());
    assert_eq!(scene.client.traffic().retries, 1);
}

fn gzip(content: &[u8]) -> Reply {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    Reply::json(200, "")
        .header("content-encoding", "gzip")
        .body(encoder.finish().unwrap())
}

#[test]
fn large_and_compressed_pages_arrive_and_bombs_do_not() {
    let mut page = b"{\"value\":[\"".to_vec();
    page.extend(vec![b'x'; 11 * 1024 * 1024]);
    page.extend(b"\"]}");
    let bomb = vec![b' '; 65 * 1024 * 1024];
    let scene = scene(vec![
        Reply::json(200, "").body(page.clone()),
        gzip(&page),
        gzip(&bomb),
    ]);
    assert!(scene.client.get(&request()).unwrap() == page);
    assert!(scene.client.get(&request()).unwrap() == page);
    let error = scene.client.get(&request()).unwrap_err();
    assert_eq!(error.fault, Fault::BadResponse);
    assert!(error.message.contains("more than 64 MiB"), "{error}");
    assert_eq!(
        scene.server.gets().len(),
        3,
        "a bomb is not asked for again"
    );
}
