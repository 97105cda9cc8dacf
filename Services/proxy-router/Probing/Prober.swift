import FoundationEssentials
import LabCore
import LabHTTPClient
import LabState
import Logging
import Synchronization

/// Asks as a client in the lab would: the lab's resolver for the address, then that address for the page, believing
/// the lab's authority alone.
struct Prober: Sendable {
    /// What a probe saw.
    struct Sight: Sendable {
        let condition: Condition
        /// What makes two sights differ for people; the time it took is not part of it.
        let essence: String
        let milliseconds: Double

        /// Whether the proxy did not answer, or not for this host: its state may be another one than it was.
        var blamesProxy: Bool { ["ProxyUnavailable", "NotServed", "CertificateNotTrusted"].contains(condition.reason) }
    }

    let names: any NameLookup
    let port: Int
    let capabilities: ProxyCapabilities
    /// Where to connect instead of the address that the resolver gave.
    let target: ProbeTarget?
    private let trusted: TrustedClient

    private static let timeouts = HTTPTimeouts(connect: .seconds(3), total: .seconds(5), idle: .seconds(5))

    init(
        names: any NameLookup, port: Int, capabilities: ProxyCapabilities, target: ProbeTarget? = nil,
        issuer: any Issuer, logger: Logger
    ) {
        self.target = target
        self.names = names
        self.port = port
        self.capabilities = capabilities
        trusted = TrustedClient(issuer: issuer, logger: logger)
    }

    /// Whether a route answers, as the condition `Online`. What was answered is in its observation:
    /// `{"status": 200, "milliseconds": 12.5, "certificateExpires": "2026-01-31T10:20:30.000Z"}`, the time in RFC 3339.
    func probe(_ route: RouteSpec) async -> Sight {
        let addresses: [IPLiteral]
        do {
            addresses = try await names.addresses(of: route.host)
        } catch {
            return Self.unmet("ResolverUnavailable", "\(error)")
        }
        guard let address = addresses.first else {
            return Self.unmet("NotResolvable", "the lab's resolver has no address for \(route.host)")
        }
        do {
            let head = try await head(of: route.host, route.healthPath, at: address)
            return judge(route, head, at: address)
        } catch let error as HTTPClientError {
            return Self.unmet(Self.reason(for: error), error.description)
        } catch {
            return Self.unmet("ProbeFailed", "\(error)")
        }
    }

    /// Whether the proxy still answers for a host, with a certificate of the lab.
    func isServed(_ host: Hostname, at address: IPLiteral) async throws -> Bool {
        do {
            _ = try await head(of: host, .root, at: address)
            return true
        } catch let error as HTTPClientError {
            switch error.kind {
            case .timedOut(.total, _), .timedOut(.idle, _): return true
            default: return false
            }
        }
    }

    private func head(of host: Hostname, _ path: ProbePath, at address: IPLiteral) async throws -> HTTPResponseHead {
        let port = port == 443 ? "" : ":\(port)"
        var request = HTTPRequest(url: "https://\(host)\(port)\(path)", headers: ["User-Agent": "homelab-probe"])
        request.timeouts = Self.timeouts
        request.redirects = .none
        request.retries = .never
        request.usesFreshConnection = true
        request.connectOverrides = [
            HTTPConnectOverride(
                host: host.text, port: self.port, toHost: target?.host ?? address.text, toPort: target?.port)
        ]
        // The body is not needed, and may never end.
        return try await trusted.client.withStreamingResponse(request) { $0.head }
    }

    private func judge(_ route: RouteSpec, _ head: HTTPResponseHead, at address: IPLiteral) -> Sight {
        let milliseconds = head.timings.firstByte.milliseconds
        let validUntil = head.certificates.first?.notAfter?.rfc3339
        var observation: [String: JSONValue] = ["status": .integer(Int64(head.status))]
        if let validUntil { observation["certificateExpires"] = .string(validUntil) }
        let isProxysOwn =
            capabilities.marksItsErrors
            ? head.headers["Proxy-Status"]?.hasPrefix("homelab;") ?? false : [502, 503, 504].contains(head.status)
        if isProxysOwn, [502, 503, 504].contains(head.status) {
            return Self.unmet(
                "UpstreamUnavailable",
                "the proxy answers \(head.status) for \(route.host): \(route.upstream) does not answer it. "
                    + "Start the server behind it, or correct the route's upstream",
                observation: .object(observation))
        }
        let until = validUntil.map { ", certificate valid until \($0)" } ?? ""
        let essence = "https://\(route.host)\(route.healthPath) at \(address) answered \(head.status)\(until)"
        let rounded = (milliseconds * 10).rounded() / 10
        observation["milliseconds"] = .number(rounded)
        return Sight(
            condition: .met(
                Route.Conditions.online, reason: "Answered", message: "\(essence), in \(rounded) ms",
                observation: .object(observation)),
            essence: essence, milliseconds: milliseconds)
    }

    private static func unmet(_ reason: String, _ message: String, observation: JSONValue? = nil) -> Sight {
        Sight(
            condition: .unmet(
                Route.Conditions.online, reason: reason, message: message, observation: observation),
            essence: reason + message, milliseconds: 0)
    }

    private static func reason(for error: HTTPClientError) -> String {
        switch error.kind {
        case .connectionRefused, .couldNotConnect, .timedOut(.connecting, _): "ProxyUnavailable"
        case .unknownAuthority, .nameMismatch, .certificateExpired, .certificateNotYetValid, .certificateRefused:
            "CertificateNotTrusted"
        case .tlsHandshake: "NotServed"
        case .timedOut: "TimedOut"
        default: "ProbeFailed"
        }
    }
}

/// An HTTP client that believes the lab's authority alone; made when that is known.
private actor TrustedClient {
    private let issuer: any Issuer
    private let logger: Logger
    private var made: (pem: String, client: HTTPClient)?

    init(issuer: any Issuer, logger: Logger) {
        self.issuer = issuer
        self.logger = logger
    }

    var client: HTTPClient {
        get async throws {
            let pem = try await issuer.trustPEM
            if let made, made.pem == pem { return made.client }
            var configuration = HTTPClientConfiguration()
            configuration.trust = .authorities(pem: pem)
            configuration.versions = .http1
            let client = HTTPClient(configuration: configuration, logger: logger)
            made = (pem, client)
            return client
        }
    }
}
