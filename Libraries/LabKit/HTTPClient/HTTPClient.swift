import FoundationEssentials
public import Logging

/// An HTTP client on libcurl. It keeps connections open for reuse and may have any number of requests under way.
///
/// Its thread starts with the first request and sleeps while there is nothing to do. Cancelling the task of a request
/// closes that request's connection.
public final class HTTPClient: Sendable {
    let configuration: HTTPClientConfiguration
    let logger: Logger
    let loop: TransferLoop

    public init(configuration: HTTPClientConfiguration = HTTPClientConfiguration(), logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        loop = TransferLoop(configuration: configuration)
    }

    deinit {
        loop.requestStop()
    }

    /// Sends a request and gathers the response's body, up to ``HTTPRequest/maximumBodyBytes`` or 8 MiB.
    ///
    /// A status of 400 and above is a response like any other.
    /// - Throws: ``HTTPClientError``; `CancellationError` when the task is cancelled.
    public func execute(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (attempt, head, body) = try await attempts(of: request, isStreamed: false)
        await attempt.finishUpload()
        return HTTPResponse(head: head, body: body)
    }

    /// Sends a request and hands over its response while the body arrives. The connection is closed when `body`
    /// returns before the end of the response.
    ///
    /// Redirects and retries are over when `body` is called.
    /// - Throws: ``HTTPClientError``; `CancellationError` when the task is cancelled; what `body` throws.
    public func withStreamingResponse<Value>(
        _ request: HTTPRequest, isolation: isolated (any Actor)? = #isolation,
        body: (HTTPStreamingResponse) async throws -> Value
    ) async throws -> Value {
        let (attempt, head, _) = try await attempts(of: request, isStreamed: true)
        do {
            let value = try await body(
                HTTPStreamingResponse(head: head, body: HTTPBodyStream(transfer: attempt.transfer, loop: loop)))
            await attempt.abandon()
            return value
        } catch {
            await attempt.abandon()
            throw error
        }
    }

    /// Ends the client and returns when its thread is gone. Requests under way, and later ones, throw
    /// ``HTTPClientError/Kind/clientShutDown``.
    public func shutdown() async {
        await loop.stop()
    }
}
