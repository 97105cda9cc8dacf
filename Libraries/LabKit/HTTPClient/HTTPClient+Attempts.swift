import FoundationEssentials
import LabCore
import Logging

extension HTTPClient {
    /// Sends a request until it has a response that stands: follows redirects, and retries as the policy says.
    func attempts(
        of original: HTTPRequest, isStreamed: Bool
    ) async throws -> (Attempt, HTTPResponseHead, [UInt8]) {
        let clock = ContinuousClock()
        let deadline = original.timeouts.total.map { clock.now + $0 }
        var request = original
        var origin = try Origin(url: request.url, method: request.method)
        var backoff = original.retries.backoff
        var attempts = 1
        var redirects = 0
        while true {
            let plan = try TransferPlan(
                request, origin: origin, configuration: configuration,
                remaining: deadline.map { clock.now.duration(to: $0) }, isStreamed: isStreamed)
            let attempt = try Attempt(request, plan: plan, configuration: configuration, loop: loop)
            let mayRetry = attempts < original.retries.maximumAttempts && original.retries.allows(request)
            let wait: Duration
            do {
                var (head, body, redirectURL) = try await attempt.run()
                logger.trace(
                    "response",
                    metadata: ["request": "\(plan.place)", "status": "\(head.status)", "attempt": "\(attempts)"])
                head.attempts = attempts
                head.redirects = redirects
                if let next = try Redirect.next(
                    after: head.status, to: redirectURL, from: request, at: origin, followed: redirects)
                {
                    await attempt.abandon()
                    (request, origin) = next
                    redirects += 1
                    continue
                }
                guard mayRetry, HTTPRetryPolicy.retriedStatuses.contains(head.status) else {
                    return (attempt, head, body)
                }
                let asked = head.headers["Retry-After"].flatMap { RetryAfter.parse($0, now: Date()) }
                wait = asked ?? backoff.next()
                if wait > original.retries.maximumRetryAfter { return (attempt, head, body) }
                if let deadline, clock.now + wait >= deadline { return (attempt, head, body) }
            } catch let error as HTTPClientError {
                await attempt.abandon()
                wait = backoff.next()
                guard mayRetry, error.isConnectionFailure, deadline.map({ clock.now + wait < $0 }) ?? true else {
                    throw error
                }
                logger.debug("retrying", metadata: ["error": "\(error)", "attempt": "\(attempts)"])
            } catch {
                await attempt.abandon()
                throw error
            }
            await attempt.abandon()
            try await Task.sleep(for: wait, clock: clock)
            attempts += 1
        }
    }
}

/// A transfer and the task that feeds its request body, if it has a streamed one.
struct Attempt: Sendable {
    let transfer: Transfer
    private let loop: TransferLoop
    private let upload: Task<Void, Never>?

    init(
        _ request: HTTPRequest, plan: TransferPlan, configuration: HTTPClientConfiguration, loop: TransferLoop
    ) throws {
        let transfer = Transfer(plan, configuration: configuration)
        self.transfer = transfer
        self.loop = loop
        guard case .stream(_, _, let make) = request.body else {
            upload = nil
            return
        }
        let chunks = try make()
        upload = Task {
            do {
                for try await chunk in chunks {
                    guard await transfer.send(chunk, on: loop) else { return }
                }
                transfer.endUpload(failure: nil, on: loop)
            } catch {
                transfer.endUpload(failure: "\(error)", on: loop)
            }
        }
    }

    func run() async throws -> (head: HTTPResponseHead, body: [UInt8], redirectURL: String?) {
        try await transfer.run(on: loop)
    }

    /// Ends what is still under way, and returns when the source of the request's body has stopped.
    func abandon() async {
        loop.submit(.cancel(transfer))
        await finishUpload()
    }

    /// The response is complete; a source that has more to say is stopped.
    func finishUpload() async {
        upload?.cancel()
        await upload?.value
    }
}
