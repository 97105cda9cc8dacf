/// One chunk of a streamed request body between its producer and libcurl's thread. Memory is bounded by the chunk.
struct UploadBuffer {
    enum Supply {
        case copied(Int, producer: CheckedContinuation<Bool, Never>?)
        /// Nothing there yet: libcurl is to stop asking until it is told to go on.
        case pause
        case end
        case failed
    }

    private var chunk: [UInt8] = []
    private var offset = 0
    private var hasEnded = false
    private var hasFailed = false
    private(set) var isPaused = false
    /// Whether any byte was given to libcurl, after which the body cannot be sent from its start again.
    private(set) var hasStarted = false
    private var producer: CheckedContinuation<Bool, Never>?
    private var isClosed = false

    /// Fills `buffer` from the chunk; once the chunk is used up its producer may go on.
    mutating func supply(_ buffer: UnsafeMutableRawBufferPointer) -> Supply {
        if hasFailed { return .failed }
        guard offset < chunk.count else {
            if hasEnded { return .end }
            isPaused = true
            return .pause
        }
        hasStarted = true
        let count = min(buffer.count, chunk.count - offset)
        chunk.withUnsafeBytes { source in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + count]))
        }
        offset += count
        guard offset == chunk.count else { return .copied(count, producer: nil) }
        defer { producer = nil }
        return .copied(count, producer: producer)
    }

    /// Puts the next chunk in place. False once nobody will take it.
    mutating func put(_ bytes: [UInt8], producer: CheckedContinuation<Bool, Never>) -> Bool {
        guard !isClosed else { return false }
        chunk = bytes
        offset = 0
        self.producer = producer
        return true
    }

    mutating func end(failed: Bool) {
        hasEnded = true
        hasFailed = failed
    }

    /// Whether libcurl waits for what was just put; it counts as told.
    mutating func takePause() -> Bool {
        defer { isPaused = false }
        return isPaused
    }

    /// The transfer is over; gives back the producer who waits, if any.
    mutating func close() -> CheckedContinuation<Bool, Never>? {
        isClosed = true
        chunk = []
        offset = 0
        defer { producer = nil }
        return producer
    }
}
