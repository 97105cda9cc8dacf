import LabCore
import LabHTTPClient
import LabMQTT
import LabServers
import LabService
import LabState
import LabTesting
import Logging
import Metrics
import Synchronization

/// A lamp service on a real database and a real broker, with its API on a free port.
struct HostFixture: Sendable {
    static let adminToken = "lab_test-admin-token"

    let base: String
    let http: HTTPClient
    let mqtt: MQTTClient
    let postgres: PrivatePostgres
    let broker: PrivateMosquitto

    /// Once in a process, as its main function does.
    private static let installsMetrics: Void = MetricsSystem.bootstrap(PrometheusMetrics.shared)

    /// - Parameter settings: added to those that the service needs.
    static func with(
        settings extra: [String: String] = [:], _ body: @escaping @Sendable (HostFixture) async throws -> Void
    ) async throws {
        installsMetrics
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await withPrivatePostgres { postgres in
            try await withPrivateMosquitto { broker in
                let ready = AsyncStream.makeStream(of: Int.self)
                let settings = Self.settings(postgres, broker).merging(extra) { $1 }
                let host = LabHost([LampService.self], settings: LabSettings(settings), logger: logger) { facts in
                    ready.continuation.yield(facts.port)
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await host.run() }
                    group.addTask {
                        for await port in ready.stream {
                            let http = HTTPClient(logger: logger)
                            let mqtt = try MQTTClient(Self.brokerConfiguration(broker), logger: logger)
                            let fixture = HostFixture(
                                base: "http://127.0.0.1:\(port)", http: http, mqtt: mqtt, postgres: postgres,
                                broker: broker)
                            let connection = Task { try await mqtt.run() }
                            do {
                                try await body(fixture)
                            } catch {
                                connection.cancel()
                                throw error
                            }
                            connection.cancel()
                            await http.shutdown()
                            return
                        }
                    }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
        }
    }

    static func settings(_ postgres: PrivatePostgres, _ broker: PrivateMosquitto) -> [String: String] {
        [
            "LAB_DATABASE_OWNER_URL": postgres.connectionString,
            "LAB_DATABASE_URL":
                postgres.server.connectionString(user: LampService.databaseRole) + " password=lamp-password",
            "LAB_DATABASE_PASSWORD": "lamp-password",
            "LAB_MQTT_PORT": String(broker.port),
            "LAB_MQTT_USER": broker.user,
            "LAB_MQTT_PASSWORD": broker.password,
            "LAB_API_PORT": "0",
            "LAB_ADMIN_TOKEN": adminToken,
        ]
    }

    private static func brokerConfiguration(_ broker: PrivateMosquitto) -> MQTTConfiguration {
        var configuration = MQTTConfiguration(host: "127.0.0.1", port: broker.port, clientID: "watcher")
        configuration.user = broker.user
        configuration.password = Secret(broker.password)
        configuration.sessionExpiry = .seconds(600)
        return configuration
    }

    func send(
        _ method: HTTPMethod, _ path: String, token: String? = HostFixture.adminToken, body: String? = nil,
        contentType: String = "application/json"
    ) async throws -> (status: Int, document: JSONValue, contentType: String) {
        var request = HTTPRequest(method: method, url: base + path)
        request.authorization = token.map { HTTPRequest.bearer(Secret($0)) }
        request.retries = .never
        if let body {
            request.headers["Content-Type"] = contentType
            request.body = .bytes(Array(body.utf8))
        }
        let response = try await http.execute(request)
        let text = String(decoding: response.body, as: UTF8.self)
        return (
            response.status, (try? JSONText(trusted: text).decode(JSONValue.self)) ?? .string(text),
            response.headers["Content-Type"] ?? ""
        )
    }
}
