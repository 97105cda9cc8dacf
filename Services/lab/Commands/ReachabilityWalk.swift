import FoundationEssentials
import Glibc
import LabKit

/// The way of a client to an app, step by step: each is looked at for real, and the first that is wrong ends the walk.
struct ReachabilityWalk: Sendable {
    struct Step: Sendable {
        let title: String
        let isRight: Bool
        let message: String
        let remedy: String?

        static func right(_ title: String, _ message: String) -> Step {
            Step(title: title, isRight: true, message: message, remedy: nil)
        }

        static func wrong(_ title: String, _ message: String, remedy: String) -> Step {
            Step(title: title, isRight: false, message: message, remedy: remedy)
        }
    }

    private let app: AppView
    private let host: Hostname
    private let upstream: String?
    private let isInside: Bool
    private let healthPath = "/"
    private let resolver: (host: String, port: Int)
    private let port: Int
    /// Believes the lab's authority alone, as a client of the lab does.
    private let strict: HTTPClient
    /// Believes anyone, to see whether anything answers at all.
    private let lenient: HTTPClient

    /// - Parameter upstream: where the proxy looks for the app; nil while that is not known.
    init(_ entrance: LabEntrance, app: AppView, upstream: String?) throws {
        self.app = app
        host = try app.spec.host ?? Hostname("\(app.name).\(entrance.domain)")
        self.upstream = upstream
        isInside = entrance.isInside
        guard let resolver = Self.address(entrance.dns), let proxy = Self.address(entrance.https) else {
            throw CommandFault("the lab's info names no addresses for DNS and HTTPS")
        }
        self.resolver = resolver
        port = proxy.port
        guard let data = FileManager.default.contents(atPath: entrance.authority) else {
            throw CommandFault("the lab's certificate authority in \(entrance.authority) cannot be read")
        }
        var configuration = HTTPClientConfiguration()
        configuration.trust = .authorities(pem: String(decoding: data, as: UTF8.self))
        strict = HTTPClient(configuration: configuration, logger: .quiet)
        configuration.trust = .unverified
        lenient = HTTPClient(configuration: configuration, logger: .quiet)
    }

    /// Walks until the first wrong step, telling each.
    func run(_ tell: (Step) -> Void) async -> [Step] {
        var steps: [Step] = []
        func add(_ step: Step) -> Bool {
            steps.append(step)
            tell(step)
            return step.isRight
        }
        if let step = containers(), !add(step) { return steps }
        let (nameStep, address) = await name()
        guard add(nameStep), let address else { return steps }
        guard add(await reach(address)) else { return steps }
        for step in await request(address) where !add(step) { return steps }
        // Names of a network of containers mean nothing outside of it.
        if isInside, let upstream { _ = add(await ask(upstream)) }
        return steps
    }

    /// Of an app in containers, what the lab saw of them; what comes after follows from it.
    private func containers() -> Step? {
        guard app.spec.upstream == nil, let running = app.condition("Running") else { return nil }
        guard running.status != .true else { return .right("Containers", running.message) }
        return .wrong(
            "Containers", running.message,
            remedy:
                "See what they wrote with “lab logs \(app.name)”, and what ran before with “lab releases \(app.name)”")
    }

    private func name() async -> (Step, String?) {
        do {
            let client = DNSClient(server: resolver.host, port: resolver.port)
            let answer = try await client.ask(RecordName(host), .a)
            let address = answer.records.first { $0.type == .a }.map { "\($0.value)" }
            guard answer.responseCode == .noError, let address else {
                return (
                    .wrong(
                        "Name", "\(host) is \(answer.responseCode) at \(resolver.host):\(resolver.port)",
                        remedy: "See “lab call dns.record.get name=\(host):a” for what the resolver was given"), nil
                )
            }
            return (.right("Name", "\(host) is \(address) at \(resolver.host):\(resolver.port)"), address)
        } catch {
            return (
                .wrong(
                    "Name", "the resolver at \(resolver.host):\(resolver.port) does not answer: \(error)",
                    remedy: "See whether Unbound runs: “lab info”"), nil
            )
        }
    }

    private func reach(_ address: String) async -> Step {
        do {
            // Any answer at all means that something listens; what it answers is the next step's.
            _ = try await lenient.execute(probe(address))
            return .right("Port", "\(address):\(port) accepts connections")
        } catch let error as HTTPClientError where error.isConnectionFailure {
            return .wrong(
                "Port", "\(address):\(port) does not accept connections: \(error.cause)",
                remedy: "See whether the proxy runs: “lab info”")
        } catch {
            return .right("Port", "\(address):\(port) accepts connections")
        }
    }

    private func request(_ address: String) async -> [Step] {
        do {
            let response = try await strict.execute(probe(address))
            let expiry = response.certificates.first?.notAfter
            let until = expiry.map { ", valid until \($0.rfc3339)" } ?? ""
            let certificate = Step.right("Certificate", "is for \(host), from the lab's authority\(until)")
            let took = response.timings.total.shortText
            if [502, 503, 504].contains(response.status) {
                return [
                    certificate,
                    .right("Route", "the proxy knows \(host)"),
                    .wrong(
                        "Upstream",
                        "the proxy answers \(response.status): it does not reach \(upstream ?? "the app")",
                        remedy: upstreamRemedy),
                ]
            }
            return [certificate, .right("Route", "https://\(host) answers \(response.status) in \(took)")]
        } catch let error as HTTPClientError where error.isAboutCertificate {
            return [
                .wrong(
                    "Certificate", "the proxy's certificate does not hold for \(host): \(error.cause)",
                    remedy: "See “lab status” for the app's condition Routed")
            ]
        } catch {
            return [
                .wrong(
                    "Route", "the proxy does not serve \(host): \(Self.cause(of: error))",
                    remedy: "See “lab status” for the app's condition Routed")
            ]
        }
    }

    private var upstreamRemedy: String {
        app.spec.upstream.map { "Start what should answer at \($0), or deploy it with another --upstream" }
            ?? "See what its containers wrote with “lab logs \(app.name)”"
    }

    private func ask(_ upstream: String) async -> Step {
        do {
            var request = HTTPRequest(method: .get, url: upstream)
            request.timeouts = HTTPTimeouts(total: .seconds(5))
            request.retries = .never
            let response = try await lenient.execute(request)
            return .right("Upstream", "\(upstream) answers \(response.status) in \(response.timings.total.shortText)")
        } catch {
            return .wrong(
                "Upstream", "\(upstream) does not answer: \(Self.cause(of: error))",
                remedy: upstreamRemedy)
        }
    }

    /// Without place and remedy, which the step has itself.
    private static func cause(of error: any Error) -> String {
        (error as? HTTPClientError)?.cause ?? "\(error)"
    }

    private func probe(_ address: String) -> HTTPRequest {
        var request = HTTPRequest(url: "https://\(host):\(port)\(healthPath)")
        request.timeouts = HTTPTimeouts(total: .seconds(5))
        request.retries = .never
        request.redirects = .none
        request.usesFreshConnection = true
        request.connectOverrides = [.resolve(host.text, port: port, to: address)]
        return request
    }

    /// Splits `127.0.0.1:8443`, with or without `https://` before it.
    private static func address(_ text: String) -> (host: String, port: Int)? {
        let bare = text.replacing("https://", with: "")
        guard let colon = bare.lastIndex(of: ":"), let port = Int(bare[bare.index(after: colon)...]) else { return nil }
        return (String(bare[..<colon]), port)
    }
}
