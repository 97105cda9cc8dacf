import Foundation
import LabCore
import LabCrypto
import LabHTTPClient
import LabServers
import LabService
import LabState
import LabTesting
import Testing

@testable import ProxyRouter

/// A private Traefik, which watches the folder that the driver writes its file into.
struct TraefikServer: ManagedServer {
    /// Tests/run installs it.
    static let program = ProcessInfo.processInfo.environment["LAB_TRAEFIK_PROGRAM"].flatMap { $0.isEmpty ? nil : $0 }
    static let absence = "needs LAB_TRAEFIK_PROGRAM, which Tests/run installs where it can"

    let directory: String
    /// HTTP, HTTPS, and its own API.
    let ports: [Int]

    var name: String { "traefik" }
    var file: String { "\(directory)/dynamic/lab.yaml" }

    func prepare() async throws {
        try FileManager.default.createDirectory(atPath: directory + "/dynamic", withIntermediateDirectories: true)
        try """
        entryPoints:
          web: {address: "127.0.0.1:\(ports[0])"}
          websecure:
            address: "127.0.0.1:\(ports[1])"
            transport: {respondingTimeouts: {readTimeout: 0s}}
          traefik: {address: "127.0.0.1:\(ports[2])"}
        api: {insecure: true}
        providers:
          providersThrottleDuration: 50ms
          file: {directory: \(directory)/dynamic, watch: true}
        log: {level: WARN}
        global: {checkNewVersion: false, sendAnonymousUsage: false}
        """.write(toFile: directory + "/traefik.yaml", atomically: true, encoding: .utf8)
    }

    func command() throws -> ServerCommand {
        ServerCommand(executable: try #require(Self.program), arguments: ["--configFile=\(directory)/traefik.yaml"])
    }

    func isReady() async -> Bool { (try? await routers()) != nil }

    /// The names of the routers that Traefik has taken from the file, without those that it found a fault with.
    private func routers() async throws -> Set<String> {
        struct Router: Decodable {
            let name: String
            let status: String
        }
        let client = HTTPClient(logger: quiet)
        var request = HTTPRequest(url: "http://127.0.0.1:\(ports[2])/api/http/routers?per_page=1000")
        request.retries = .never
        do {
            let routers = try await client.execute(request).json([Router].self)
            await client.shutdown()
            return Set(
                routers.filter { $0.status == "enabled" && $0.name.hasSuffix("@file") }.map {
                    String($0.name.dropLast("@file".count))
                })
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// Waits until Traefik has what the driver says that it should have.
    func settle(_ document: String) async throws {
        let root = try JSONText(trusted: document).decode(JSONValue.self)
        let wanted = Set((root["http"]?["routers"]?.objectValue ?? [:]).keys)
        let isSettled = try await eventually { (try? await routers()) == wanted }
        #expect(isSettled, "\(wanted)")
    }
}

/// Traefik itself, the driver, an authority, and clients that believe that authority alone.
struct TraefikFixture: Sendable {
    let server: TraefikServer
    let proxy: TraefikProxy
    let lab: LabAuthority
    let client: HTTPClient

    static func with(_ body: @escaping @Sendable (TraefikFixture) async throws -> Void) async throws {
        let lab = try LabAuthority()
        let ports = (0..<3).map { _ in LoopbackPort.free() }
        let make: @Sendable (String) -> TraefikServer = { TraefikServer(directory: $0, ports: ports) }
        try await withPrivateServer(make) { server in
            let proxy = try TraefikProxy(
                TraefikSettings(publicHTTPSPort: ports[1], file: server.server.file))
            let fixture = TraefikFixture(
                server: server.server, proxy: proxy, lab: lab, client: lab.client(.http1))
            do {
                try await body(fixture)
            } catch {
                await fixture.client.shutdown()
                throw error
            }
            await fixture.client.shutdown()
        }
    }

    func apply(_ routes: [ProxyRoute]) async throws {
        _ = try await proxy.apply(ProxyState(routes))
        try await server.settle(proxy.answer.body)
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
        var request = HTTPRequest(method: method, url: "https://\(host):\(server.ports[1])\(path)")
        request.connectOverrides = [.resolve(host, port: server.ports[1], to: "127.0.0.1")]
        request.retries = .never
        request.redirects = .none
        request.usesFreshConnection = true
        return request
    }

    func get(_ host: String, _ path: String = "/") async throws -> HTTPResponse {
        try await client.execute(request(host, path))
    }
}
