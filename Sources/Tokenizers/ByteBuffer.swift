/// Bytes that are appended one after the other. The room for them is reserved before a loop, so that the
/// loop itself checks nothing.
struct ByteBuffer: ~Copyable {
    private(set) var start: UnsafeMutablePointer<UInt8>
    private(set) var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 16)
        start = .allocate(capacity: self.capacity)
    }

    deinit { start.deallocate() }

    /// What has been appended. Valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// Makes room for `additional` bytes.
    @inline(__always) mutating func reserve(_ additional: Int) {
        if additional > capacity - count { grow(additional) }
    }

    /// Appends a byte that there is room for.
    @inline(__always) mutating func appendReserved(_ byte: UInt8) {
        start[count] = byte
        count += 1
    }

    /// Appends bytes, making room for them.
    mutating func append(_ bytes: some Collection<UInt8>) {
        reserve(bytes.count)
        for byte in bytes { appendReserved(byte) }
    }

    /// Takes `suffix` off the end if the bytes end with it.
    mutating func removeSuffix(_ suffix: [UInt8]) -> Bool {
        guard count >= suffix.count else { return false }
        for index in suffix.indices where start[count - suffix.count + index] != suffix[index] { return false }
        count -= suffix.count
        return true
    }

    private mutating func grow(_ additional: Int) {
        capacity = max(capacity * 2, count + additional)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: count)
        start.deallocate()
        start = larger
    }
}
