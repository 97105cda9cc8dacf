import LabCore
import LabHTTPClient

/// Apps that somebody else runs: a program on a machine, a device with a web page. They are looked at, and no more.
struct NativeRuntime: Runtime {
    let http: HTTPClient
    let timeouts: HTTPTimeouts

    /// - Parameter timeout: how long an answer may take.
    init(http: HTTPClient, timeout: Duration) {
        self.http = http
        timeouts = HTTPTimeouts(connect: min(timeout, .seconds(3)), total: timeout, idle: nil)
    }

    var name: RuntimeName { .native }
    var capabilities: Set<RuntimeCapability> { [] }

    /// Nothing is started: it runs already.
    func apply(_ app: RunnableApp, telling progress: @Sendable (RuntimeProgress) -> Void) async throws {}

    /// Nothing is stopped: whoever started it keeps it.
    func remove(_ app: RunnableApp, withData: Bool) async throws {}

    /// Any answer of HTTP means that it runs, whatever its status is.
    func observe(_ app: RunnableApp) async throws -> RuntimeObservation {
        guard case .upstream(let upstream) = app.workload else {
            throw unsupported("run a Compose file", remedy: "Declare the app with the runtime docker")
        }
        let url = upstream.text + (app.healthPath?.text ?? "/")
        var request = HTTPRequest(url: url)
        request.timeouts = timeouts
        request.redirects = .none
        request.retries = .never
        request.usesFreshConnection = true
        do {
            // The head is enough; the body may be large.
            let head = try await http.withStreamingResponse(request) { $0.head }
            return answered(upstream, url, head)
        } catch let error as HTTPClientError {
            return failed(app, upstream, url, error)
        }
    }

    private func answered(_ upstream: UpstreamURL, _ url: String, _ head: HTTPResponseHead) -> RuntimeObservation {
        if let address = head.remoteAddress, let refusal = Self.refusal(of: address) {
            return RuntimeObservation(
                isRunning: false, reason: "UpstreamNotAllowed",
                message: "The host of \(upstream) has an address that no app may have: \(refusal)",
                upstream: upstream)
        }
        let milliseconds = (head.timings.firstByte.milliseconds * 10).rounded() / 10
        return RuntimeObservation(
            isRunning: true, reason: "UpstreamAnswers",
            message: "GET \(url) was answered with \(head.status) in \(milliseconds) ms", upstream: upstream,
            numbers: ["status": .integer(Int64(head.status)), "milliseconds": .number(milliseconds)])
    }

    private func failed(
        _ app: RunnableApp, _ upstream: UpstreamURL, _ url: String, _ error: HTTPClientError
    ) -> RuntimeObservation {
        switch error.kind {
        case .unknownAuthority, .nameMismatch, .certificateExpired, .certificateNotYetValid, .certificateRefused:
            // It listens and speaks TLS; whether its certificate is to be believed is for the proxy's configuration.
            return RuntimeObservation(
                isRunning: true, reason: "UpstreamSpeaksTLS",
                message: "\(upstream) accepts TLS connections. No request was sent, because its certificate is not "
                    + "one that is trusted here: \(error)",
                upstream: upstream)
        default:
            return RuntimeObservation(
                isRunning: false, reason: "UpstreamUnavailable",
                message: "GET \(url) was not answered: \(error.cause). Start the app, or correct its upstream with "
                    + "“lab deploy \(app.name) --upstream …”",
                upstream: upstream)
        }
    }

    /// Why an address that a name led to may not be an upstream's, or nil.
    private static func refusal(of address: String) -> String? {
        do {
            _ = try UpstreamURL("http://" + (address.contains(":") ? "[\(address)]" : address))
            return nil
        } catch {
            return error.detail
        }
    }
}
