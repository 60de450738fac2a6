//! Deliberate bugs: what is compiled like this must be reported, else the sanitizers are off.

fn main() {
    if std::env::args().any(|a| a == "race") {
        let place = Box::leak(Box::new(0u64)) as *mut u64 as usize;
        let add = move || (0..1000).for_each(|_| unsafe { *(place as *mut u64) += 1 });
        let other = std::thread::spawn(add);
        add();
        other.join().unwrap();
    } else {
        let gone = Box::into_raw(Box::new([7u8; 32]));
        drop(unsafe { Box::from_raw(gone) });
        println!("{}", unsafe { (*gone)[3] });
    }
}
