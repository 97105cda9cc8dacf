/// The chunks of a streamed body between libcurl's thread and their one reader, at most `capacity` bytes and the chunk
/// that goes over it.
struct DownloadBuffer {
    enum Acceptance {
        case stored
        /// Full: libcurl is to stop reading, and offers the same bytes again later.
        case pause
        /// A reader waits for exactly this.
        case handOver(CheckedContinuation<[UInt8]?, any Error>)
    }

    enum Reading {
        case chunk([UInt8], resume: Bool)
        case end
        case failure(any Error)
        case wait
    }

    let capacity: Int
    private var chunks: [[UInt8]] = []
    private var first = 0
    private var buffered = 0
    private(set) var isPaused = false
    private var outcome: Result<Void, any Error>?
    private var reader: CheckedContinuation<[UInt8]?, any Error>?

    init(capacity: Int) {
        self.capacity = capacity
    }

    mutating func offer(_ bytes: UnsafeBufferPointer<UInt8>) -> Acceptance {
        if let waiting = reader {
            reader = nil
            return .handOver(waiting)
        }
        guard buffered < capacity else {
            isPaused = true
            return .pause
        }
        chunks.append(Array(bytes))
        buffered += bytes.count
        return .stored
    }

    /// The next chunk, and whether libcurl is to go on because the buffer has room again.
    mutating func read() -> Reading {
        guard first < chunks.count else {
            switch outcome {
            case .success: return .end
            case .failure(let error): return .failure(error)
            case nil:
                // A paused transfer with nothing buffered does not exist: it resumes below half of the capacity.
                return .wait
            }
        }
        let chunk = chunks[first]
        first += 1
        buffered -= chunk.count
        if first == chunks.count {
            chunks.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 64 {
            chunks.removeFirst(first)
            first = 0
        }
        let resume = isPaused && buffered <= capacity / 2
        if resume { isPaused = false }
        return .chunk(chunk, resume: resume)
    }

    mutating func wait(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
        reader = continuation
    }

    /// Ends the stream after what is buffered; gives back the reader who waits, if any.
    mutating func finish(_ result: Result<Void, any Error>) -> CheckedContinuation<[UInt8]?, any Error>? {
        outcome = result
        isPaused = false
        defer { reader = nil }
        return reader
    }
}
