use llmobs_macros::trace_llm;

/// # Safety
///
/// `number` is valid for reads.
#[trace_llm(crate = llmobs_core)]
unsafe fn read(number: *const u32) -> u32 {
    unsafe { *number }
}

#[trace_llm(crate = llmobs_core)]
#[unsafe(no_mangle)]
#[allow(unsafe_op_in_unsafe_fn)]
pub unsafe extern "C" fn read_for_c(number: *const u32) -> u32 {
    *number
}

struct Address(usize);

#[trace_llm(crate = llmobs_core)]
async unsafe fn read_later(number: Address) -> u32 {
    std::future::ready(()).await;
    unsafe { read(number.0 as *const u32) }
}

fn main() {
    let number = 7;
    assert_eq!(unsafe { read(&number) }, 7);
    assert_eq!(unsafe { read_for_c(&number) }, 7);
    drop(unsafe { read_later(Address(&raw const number as usize)) });
}
