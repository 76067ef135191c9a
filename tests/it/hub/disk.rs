//! Events on disk: what outlives the process, and what is said of files that cannot be used.

use std::fs;

use ficus::events::{Hub, Published};

use super::bench::{Bench, hear, hear_many, listen, named, nameless, publish, within};

fn refused(bench: &Bench) -> String {
    Hub::open(&bench.config).unwrap_err().to_string().replace(&bench.folder().display().to_string(), "…")
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let bench = Bench::disk();
    let hub = bench.hub();
    let first = publish(&hub, "order/7", 1).await;
    let second = publish(&hub, "order/7", 2).await;
    hub.publish(named(&["known"], "order/8", "x")).await.unwrap();
    within(hub.close()).await;
    assert!(hub.publish(nameless("order/7", 3)).await.is_err(), "it is closed");
    let hub = bench.hub();
    assert_eq!(hub.figures().events, 3);
    assert_eq!(hub.figures().names, 1);
    let mut listener = listen(&hub, "order/7", Some(first)).await;
    assert_eq!(hear(&mut listener).await, "2");
    assert_eq!(hub.publish(named(&["known"], "order/8", "x")).await.unwrap(), Published::Duplicate);
    let third = publish(&hub, "order/7", 3).await;
    assert!(third > second);
    assert_eq!(hear(&mut listener).await, "3");
}

#[tokio::test]
async fn what_is_no_longer_kept_is_gone_after_a_restart_too() {
    let bench = Bench::disk().keeping(|events| events.keep = 2);
    let hub = bench.hub();
    let first = publish(&hub, "order/7", 1).await;
    for number in 2..=5 {
        publish(&hub, "order/7", number).await;
    }
    within(hub.close()).await;
    let hub = bench.hub();
    assert_eq!(hub.figures().events, 2);
    let mut listener = listen(&hub, "order/7", Some(first)).await;
    assert_eq!(hear_many(&mut listener, 3).await, ["gap", "4", "5"]);
}

#[tokio::test]
async fn names_are_bounded_on_disk_as_in_memory() {
    for bench in [Bench::disk(), Bench::memory()] {
        let bench = bench.keeping(|events| events.deliveries = 10);
        let hub = bench.hub();
        for number in 0..15 {
            hub.publish(named(&[&number.to_string()], "orders", number)).await.unwrap();
        }
        assert_eq!((hub.figures().names, hub.figures().forgotten), (10, 5));
        let again = async |number: u32| {
            hub.publish(named(&[&number.to_string()], "orders", number)).await.unwrap()
                == Published::Duplicate
        };
        assert!(again(14).await && again(5).await, "the newest are known");
        assert!(!again(0).await, "the oldest was forgotten early");
    }
}

#[tokio::test]
async fn a_file_that_another_process_has_open_is_refused() {
    let bench = Bench::disk();
    let hub = bench.hub();
    assert_eq!(
        refused(&bench),
        "cannot keep events in `…/events.redb`: another process has it open: each needs a file of its own; \
         instances that share events need `redis`"
    );
    within(hub.close()).await;
    bench.hub();
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_refused_and_left_alone() {
    let bench = Bench::disk();
    let path = bench.folder().join("events.redb");
    for foreign in [&b"# A diary\n"[..], &[0; 10_000], &[0xff; 100_000], b"redb"] {
        fs::write(&path, foreign).unwrap();
        let said = refused(&bench);
        assert_eq!(
            said,
            "cannot keep events in `…/events.redb`: it is not a file of events; name another one"
        );
        assert_eq!(fs::read(&path).unwrap(), foreign);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(refused(&bench), "cannot keep events in `…/events.redb`: Is a directory (os error 21)");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said() {
    let mut bench = Bench::disk();
    let path = bench.folder().join("missing/events.redb");
    bench.config.events.store = ficus::config::EventStore::Disk(path);
    assert_eq!(
        refused(&bench),
        "cannot keep events in `…/missing/events.redb`: No such file or directory (os error 2)"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_refused_or_read_and_never_a_panic_of_the_process() {
    let bench = Bench::disk();
    let hub = bench.hub();
    for number in 0..200 {
        hub.publish(named(&[&number.to_string()], "orders", number)).await.unwrap();
    }
    within(hub.close()).await;
    let path = bench.folder().join("events.redb");
    let sound = fs::read(&path).unwrap();
    for step in 0..40 {
        let mut damaged = sound.clone();
        // A stretch of noise at another place each time, and a file that ends early.
        let at = sound.len() / 40 * step;
        for (offset, byte) in damaged[at..].iter_mut().take(600).enumerate() {
            *byte = byte.wrapping_add((offset * 7 + step + 1) as u8);
        }
        damaged.truncate(if step % 8 == 7 { at + 600 } else { sound.len() });
        fs::write(&path, &damaged).unwrap();
        if let Ok(hub) = Hub::open(&bench.config) {
            let _ = within(hub.publish(nameless("orders", "one more"))).await;
            within(hub.close()).await;
        }
    }
}
