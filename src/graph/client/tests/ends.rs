//! What ends a request before its answer is there: time limits, the end of the run, a stop.

use super::*;

#[test]
fn every_phase_has_its_own_limit() {
    let limits = Limits {
        header: secs(5),
        read: Duration::from_millis(200),
        ..Limits::default()
    };
    let late = Reply::json(200, "{\"value\":[]}").delay(Duration::from_millis(500));
    let scene_a = scene_with(vec![late], limits, secs(3600));
    assert!(
        scene_a.client.get(&request()).is_ok(),
        "a slow answer is not cut by the limit between pieces"
    );
    let stalled = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec();
    let scene_b = scene_with(
        vec![Reply::raw(&stalled).hold().for_ever()],
        limits,
        secs(3600),
    );
    let error = scene_b.client.get(&request()).unwrap_err();
    assert_eq!(error.fault, Fault::Network);
    assert!(error.message.contains("per read"), "{error}");
    let silent = Limits {
        header: Duration::from_millis(200),
        ..Limits::default()
    };
    let scene_c = scene_with(vec![Reply::raw(b"").hold().for_ever()], silent, secs(3600));
    let error = scene_c.client.get(&request()).unwrap_err();
    assert_eq!(error.fault, Fault::Network);
    assert_eq!(scene_c.server.gets().len(), 3);
    let drip = Limits {
        whole: Duration::from_millis(400),
        ..Limits::default()
    };
    let scene_d = scene_with(
        vec![ok().drip(Duration::from_millis(20)).for_ever()],
        drip,
        secs(3600),
    );
    assert_eq!(fault(scene_d.client.get(&request())), Fault::Network);
}

#[test]
fn the_end_of_the_run_ends_waits_and_reads() {
    let waits = scene_with(
        vec![Reply::json(429, "").header("retry-after", "60")],
        Limits::default(),
        secs(30),
    );
    assert_eq!(fault(waits.client.get(&request())), Fault::TimedOut);
    assert!(waits.clock.slept().is_empty());
    let stalled = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec();
    let reads = scene_with(
        vec![Reply::raw(&stalled).hold().for_ever()],
        Limits::default(),
        Duration::from_millis(500),
    );
    assert_eq!(fault(reads.client.get(&request())), Fault::TimedOut);
    reads.clock.advance(secs(1));
    assert_eq!(fault(reads.client.get(&request())), Fault::TimedOut);
}

#[test]
fn an_endpoint_that_hangs_has_what_is_left_of_its_two_minutes() {
    let hang = Reply::raw(b"").hold().for_ever();
    let scene = scene_with(
        vec![Reply::json(500, ""), Reply::json(500, ""), hang],
        Limits::default(),
        secs(3600),
    );
    assert_eq!(fault(scene.client.get(&request())), Fault::Unavailable);
    let waited: Duration = scene.clock.slept().iter().sum();
    // The server's clock goes on in earnest, ours only when told: what is left is a second.
    scene.clock.advance(secs(119) - waited);
    let began = Instant::now();
    assert_eq!(fault(scene.client.get(&request())), Fault::Network);
    assert!(began.elapsed() < secs(30), "{:?}", began.elapsed());
}

#[test]
fn a_stop_ends_a_read_that_blocks() {
    let scene = scene(vec![Reply::raw(b"HTTP/1.1 200 OK\r\n").hold().for_ever()]);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| scene.client.get(&request()));
        scene.server.wait_for_gets(1);
        scene.stop.request(Reason::Terminate);
        assert_eq!(fault(reading.join().unwrap()), Fault::Canceled);
    });
    assert_eq!(fault(scene.client.get(&request())), Fault::Canceled);
    assert!(began.elapsed() < secs(20));
}
