import FoundationEssentials
import Glibc
import LabCore
import LabCrypto
import LabHTTPClient
import LabServers
import LabTesting
import Logging
import Synchronization
import Testing

@testable import ProxyRouter

/// A private nginx that starts with what the driver has prepared.
struct RoutedNginx: ManagedServer {
    let inner: NginxServer
    let proxy: NginxProxy

    var name: String { inner.name }
    var directory: String { inner.directory }
    var ports: [Int] { inner.ports }
    var stopSteps: [StopStep] { inner.stopSteps }

    func prepare() async throws {
        try await inner.prepare()
        try await proxy.prepare()
    }

    func command() throws -> ServerCommand { try inner.command() }
    func isReady() async -> Bool { await inner.isReady() }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// nginx, the driver, an authority, and clients that believe that authority alone.
struct NginxFixture: Sendable {
    let server: PrivateServer<RoutedNginx>
    let settings: NginxSettings
    let lab: LabAuthority
    let client: HTTPClient

    var proxy: NginxProxy { server.server.proxy }

    static func with(_ body: @escaping @Sendable (NginxFixture) async throws -> Void) async throws {
        let lab = try LabAuthority()
        let own = HTTPClient(logger: quiet)
        let ports = (0..<3).map { _ in LoopbackPort.free() }
        let make: @Sendable (String) throws -> RoutedNginx = { directory in
            let settings = try Self.settings(directory, ports)
            let inner = NginxServer(
                directory: directory, ports: [ports[0], ports[1]], configurationFile: settings.configurationFile)
            return RoutedNginx(inner: inner, proxy: NginxProxy(settings, client: own, logger: quiet))
        }
        try await withPrivateServer(make) { server in
            let fixture = NginxFixture(
                server: server, settings: try Self.settings(server.directory, ports), lab: lab,
                client: lab.client(.http1))
            try await body(fixture)
            await fixture.client.shutdown()
        }
        await own.shutdown()
    }

    static func settings(_ directory: String, _ ports: [Int]) throws -> NginxSettings {
        try NginxSettings(
            directory: directory, listen: [try #require(IPLiteral("127.0.0.1"))], httpPort: ports[0],
            httpsPort: ports[1],
            resolver: ServerAddress(address: try #require(IPLiteral("127.0.0.1")), port: ports[2]),
            workerUser: getuid() == 0 ? "www-data" : nil)
    }

    func route(
        _ host: String, _ upstream: String, pathPrefix: String? = nil, maximumBodyMegabytes: Int = 0
    ) throws -> ProxyRoute {
        ProxyRoute(
            host: try Hostname(host), upstream: try UpstreamURL(upstream),
            pathPrefix: try pathPrefix.map { text throws(InvalidText) in try PathPrefix(text) },
            maximumBodyMegabytes: maximumBodyMegabytes, certificate: try lab.certificate(host))
    }

    func request(_ host: String, _ path: String = "/", method: HTTPMethod = .get) -> HTTPRequest {
        var request = HTTPRequest(method: method, url: "https://\(host):\(settings.httpsPort)\(path)")
        request.connectOverrides = [.resolve(host, port: settings.httpsPort, to: "127.0.0.1")]
        request.retries = .never
        request.redirects = .none
        return request
    }

    func get(_ host: String, _ path: String = "/") async throws -> HTTPResponse {
        var request = request(host, path)
        request.usesFreshConnection = true
        return try await client.execute(request)
    }
}

/// An authority of the lab, with certificates made as they are asked for.
final class LabAuthority: Sendable {
    let rootPEM: String
    private let authority: CertificateAuthority
    private let made = Mutex<[String: ServedCertificate]>([:])

    init(domain: String = "home.arpa") throws {
        let now = Date()
        let root = try RootAuthority(domain: Hostname(domain), at: now)
        rootPEM = try root.certificate.pem
        authority = try root.makeIntermediate(at: now)
    }

    /// The same for the same host.
    func certificate(_ host: String) throws -> ServedCertificate {
        if let known = made.withLock({ $0[host] }) { return known }
        let certificate = try newCertificate(host)
        made.withLock { $0[host] = certificate }
        return certificate
    }

    func newCertificate(_ host: String) throws -> ServedCertificate {
        let issued = try authority.issue(for: [CertificateName(host)], at: Date())
        return ServedCertificate(
            fingerprint: Hex.encode(issued.certificate.fingerprint), chainPEM: issued.chainPEM,
            keyPEM: issued.privateKeyPEM)
    }

    func client(_ versions: HTTPClientConfiguration.Versions) -> HTTPClient {
        var configuration = HTTPClientConfiguration()
        configuration.trust = .authorities(pem: rootPEM)
        configuration.versions = versions
        return HTTPClient(configuration: configuration, logger: quiet)
    }
}
