internal import CKernels

/// Memory that was freed and has not left the process.
package enum FreedMemory {
    /// Gives it back to the system. To read a checkpoint takes several megabytes that a small model then does not need, and
    /// glibc by itself gives back only from the end of its heap. Takes about a millisecond, longer after large models; on a
    /// thread of its own.
    package static func giveBack() async {
        await withCheckedContinuation { continuation in
            WorkerThread.start(name: "svc-memory") {
                svc_give_back_memory()
                continuation.resume()
            }
        }
    }
}
