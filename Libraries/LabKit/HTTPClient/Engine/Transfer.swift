import Synchronization

/// One attempt under way: where the caller's task and libcurl's thread meet.
///
/// The thread calls `take…`, `supply` and `finish`, the task the rest. Each continuation is taken out of the state
/// before it is resumed, so it is resumed once.
final class Transfer: Sendable {
    let plan: TransferPlan

    private struct State {
        var isCancelled = false
        var isFinished = false
        var head: ResponseHeadParser
        var collected: [UInt8] = []
        var received = 0
        var download: DownloadBuffer
        var upload = UploadBuffer()
        var waiter: CheckedContinuation<Void, any Error>?
        var responseHead: HTTPResponseHead?
        var redirectURL: String?
        /// A fault found in a callback; libcurl itself only knows that the callback refused.
        var fault: HTTPClientError.Kind?
        var sourceFailure: String?
    }

    private let state: Mutex<State>

    init(_ plan: TransferPlan, configuration: HTTPClientConfiguration) {
        self.plan = plan
        state = Mutex(
            State(
                head: ResponseHeadParser(limit: configuration.maximumHeaderBytes),
                download: DownloadBuffer(capacity: configuration.streamBufferBytes)))
    }

    // MARK: The caller's side

    /// Sends it, and returns at the end of the response, or at the end of its head where the body is streamed.
    func run(on loop: TransferLoop) async throws -> (head: HTTPResponseHead, body: [UInt8], redirectURL: String?) {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { $0.waiter = continuation }
                loop.submit(.start(self))
            }
        } onCancel: {
            loop.submit(.cancel(self))
        }
        return try state.withLock { state in
            guard let head = state.responseHead else { throw HTTPClientError(.protocolViolation, at: plan.place) }
            defer { state.collected = [] }
            return (head, state.collected, state.redirectURL)
        }
    }

    func nextChunk(on loop: TransferLoop) async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let reading = state.withLock { state in
                    let reading = state.download.read()
                    if case .wait = reading { state.download.wait(continuation) }
                    return reading
                }
                switch reading {
                case .wait: break
                case .end: continuation.resume(returning: nil)
                case .failure(let error): continuation.resume(throwing: error)
                case .chunk(let chunk, let resume):
                    if resume { loop.submit(.unpause(self)) }
                    continuation.resume(returning: chunk)
                }
            }
        } onCancel: {
            loop.submit(.cancel(self))
        }
    }

    /// Hands a chunk of the request's body over, and returns when libcurl has taken all of it. False when the transfer
    /// is over and no more chunks are wanted.
    func send(_ chunk: [UInt8], on loop: TransferLoop) async -> Bool {
        guard !chunk.isEmpty else { return true }
        return await withCheckedContinuation { continuation in
            let (isTaken, wasPaused) = state.withLock { state in
                let isTaken = state.upload.put(chunk, producer: continuation)
                return (isTaken, isTaken && state.upload.takePause())
            }
            guard isTaken else { return continuation.resume(returning: false) }
            if wasPaused { loop.submit(.unpause(self)) }
        }
    }

    /// The request's body is complete, or its source failed for a reason.
    func endUpload(failure: String?, on loop: TransferLoop) {
        let wasPaused = state.withLock { state in
            state.upload.end(failed: failure != nil)
            if let failure {
                state.fault = .requestBodyFailed
                state.sourceFailure = failure
            }
            return state.upload.takePause()
        }
        if wasPaused { loop.submit(.unpause(self)) }
    }

    // MARK: The thread's side

    /// Notes that the caller no longer waits. A transfer that has not started yet then never does.
    func markCancelled() {
        state.withLock { $0.isCancelled = true }
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Which directions are paused, for `curl_easy_pause`, which sets both at once.
    var pauses: (receiving: Bool, sending: Bool) {
        state.withLock { ($0.download.isPaused, $0.upload.isPaused) }
    }

    /// Whether the body may still be sent from its start.
    var canRewind: Bool { state.withLock { !$0.upload.hasStarted } }

    /// Takes a header line. True with the last line of the head.
    func takeHeader(_ line: UnsafeBufferPointer<UInt8>) -> ResponseHeadParser.Step {
        state.withLock { state in
            let step = state.head.take(line)
            switch step {
            case .tooLarge: state.fault = .headersTooLarge(limit: state.head.limit)
            case .malformed: state.fault = .protocolViolation
            case .more, .complete: break
            }
            return step
        }
    }

    enum BodyStep {
        case taken
        case pause
        case refuse
    }

    func takeBody(_ bytes: UnsafeBufferPointer<UInt8>) -> BodyStep {
        let (step, reader) = state.withLock { state -> (BodyStep, CheckedContinuation<[UInt8]?, any Error>?) in
            switch plan.delivery {
            case .collect(let limit):
                guard state.collected.count + bytes.count <= limit else {
                    state.fault = .bodyTooLarge(limit: limit)
                    return (.refuse, nil)
                }
                state.collected.append(contentsOf: bytes)
                return (.taken, nil)
            case .stream(let limit):
                if let limit, state.received + bytes.count > limit {
                    state.fault = .bodyTooLarge(limit: limit)
                    return (.refuse, nil)
                }
                switch state.download.offer(bytes) {
                case .pause: return (.pause, nil)
                case .stored:
                    state.received += bytes.count
                    return (.taken, nil)
                case .handOver(let reader):
                    state.received += bytes.count
                    return (.taken, reader)
                }
            }
        }
        reader?.resume(returning: Array(bytes))
        return step
    }

    func supply(_ buffer: UnsafeMutableRawBufferPointer) -> UploadBuffer.Supply {
        let supply = state.withLock { $0.upload.supply(buffer) }
        if case .copied(_, let producer?) = supply { producer.resume(returning: true) }
        return supply
    }

    /// Whether the head is to be handed over before the body is there.
    var deliversHeadFirst: Bool {
        if case .stream = plan.delivery { true } else { false }
    }

    /// Whether nobody has been handed the head yet.
    var awaitsHead: Bool { state.withLock { $0.responseHead == nil } }

    /// The head without what only the handle knows.
    var parsedHead: ResponseHeadParser { state.withLock { $0.head } }

    /// Streamed delivery: the head is complete.
    func deliver(_ head: HTTPResponseHead, redirectURL: String?) {
        let waiter = state.withLock { state in
            state.responseHead = head
            state.redirectURL = redirectURL
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// The fault that a callback found, with its detail.
    var fault: (kind: HTTPClientError.Kind, detail: String)? {
        state.withLock { state in state.fault.map { ($0, state.sourceFailure ?? "") } }
    }

    /// The end, for whatever reason. Only the first one counts.
    func finish(_ result: Result<Void, any Error>) {
        let (waiter, reader, producer) = state.withLock { state in
            guard !state.isFinished else {
                return (
                    CheckedContinuation<Void, any Error>?.none, CheckedContinuation<[UInt8]?, any Error>?.none,
                    CheckedContinuation<Bool, Never>?.none
                )
            }
            state.isFinished = true
            defer { state.waiter = nil }
            return (state.waiter, state.download.finish(result), state.upload.close())
        }
        waiter?.resume(with: result)
        reader?.resume(with: result.map { nil })
        producer?.resume(returning: false)
    }
}
