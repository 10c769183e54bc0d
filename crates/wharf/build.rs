//! Tells the linker where the program begins (`sys::sealed_start`), and what lies side by side in it
//! (`cargo xtask order`).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") {
        println!("cargo::rustc-link-arg-bins=-Wl,-e,sealed_start");
    }
    println!("cargo::rerun-if-changed=functions.ld");
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{here}/functions.ld");
}
