import LabCore
import LabHTTPClient
import LabPostgres
import LabServers
import LabService
import LabState
import LabTesting
import Logging

@testable import DNSManager

/// dns-manager on a real database, broker and Unbound, with its API on a free port.
struct DNSHost: Sendable {
    static let adminToken = "lab_test-admin-token"

    let base: String
    let http: HTTPClient
    let postgres: PostgresClient
    let store: ResourceStore
    let unbound: PrivateUnbound

    static func with(
        settings extra: [String: String] = [:], _ body: @escaping @Sendable (DNSHost) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await withPrivatePostgres { postgres in
            try await withPrivateMosquitto { broker in
                try await withPrivateUnbound { unbound in
                    let settings = settings(postgres, broker, unbound).merging(extra) { $1 }
                    let ready = AsyncStream.makeStream(of: Int.self)
                    let host = LabHost([DNSManagerService.self], settings: LabSettings(settings), logger: logger) {
                        ready.continuation.yield($0.port)
                    }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await host.run() }
                        group.addTask {
                            for await port in ready.stream {
                                let client = PostgresClient(
                                    try PostgresConfiguration(connectionString: postgres.connectionString),
                                    logger: logger)
                                let http = HTTPClient(logger: logger)
                                let result: Result<Void, any Error>
                                do {
                                    try await body(
                                        DNSHost(
                                            base: "http://127.0.0.1:\(port)", http: http, postgres: client,
                                            store: ResourceStore(postgres: client), unbound: unbound))
                                    result = .success(())
                                } catch {
                                    result = .failure(error)
                                }
                                await client.shutdown()
                                await http.shutdown()
                                return try result.get()
                            }
                        }
                        defer { group.cancelAll() }
                        try await group.next()
                    }
                }
            }
        }
    }

    private static func settings(
        _ postgres: PrivatePostgres, _ broker: PrivateMosquitto, _ unbound: PrivateUnbound
    ) -> [String: String] {
        [
            "LAB_DATABASE_OWNER_URL": postgres.connectionString,
            "LAB_DATABASE_URL":
                postgres.server.connectionString(user: DNSManagerService.databaseRole) + " password=dns-password",
            "LAB_DATABASE_PASSWORD": "dns-password",
            "LAB_MQTT_PORT": String(broker.port),
            "LAB_MQTT_USER": broker.user,
            "LAB_MQTT_PASSWORD": broker.password,
            "LAB_API_PORT": "0",
            "LAB_ADMIN_TOKEN": adminToken,
            "LAB_UNBOUND_CONTROL": unbound.controlSocket,
            "LAB_UNBOUND_CONF": unbound.configuration,
            "LAB_UNBOUND_RECORDS": unbound.recordsFile,
            "LAB_DNS_SERVER": "127.0.0.1:\(unbound.port)",
            "LAB_DNS_RESYNC_SECONDS": "1",
        ]
    }

    func send(
        _ method: HTTPMethod, _ path: String, body: String? = nil
    ) async throws -> (status: Int, document: JSONValue) {
        var request = HTTPRequest(method: method, url: base + path)
        request.authorization = HTTPRequest.bearer(Secret(Self.adminToken))
        request.retries = .never
        if let body {
            request.headers["Content-Type"] = "application/json"
            request.body = .bytes(Array(body.utf8))
        }
        let response = try await http.execute(request)
        let text = String(decoding: response.body, as: UTF8.self)
        return (response.status, (try? JSONText(trusted: text).decode(JSONValue.self)) ?? .string(text))
    }

    /// Declares a record through the API; returns the status and the first field that was refused.
    @discardableResult
    func put(
        _ name: String, _ type: String, _ values: [String], ttl: Int = 300, as resource: String? = nil
    ) async throws -> (status: Int, document: JSONValue) {
        let body: JSONValue = [
            "name": .string(name), "type": .string(type), "values": .array(values.map { .string($0) }),
            "ttl": .integer(Int64(ttl)),
        ]
        return try await send(
            .put, "/v1/records/" + (resource ?? "\(name):\(type.lowercased())"), body: JSONText(encoding: body).text)
    }

    /// A condition of a record as `status reason`, with its message; nil while it has none of this generation.
    func condition(_ resource: String, _ type: String) async throws -> (state: String, message: String)? {
        let key = ResourceKey(kind: "Record", name: try ResourceName(resource))
        guard let (record, conditions) = try await store.resourceWithConditions(key),
            let condition = conditions.current(type, generation: record.generation)
        else { return nil }
        return ("\(condition.status.rawValue) \(condition.reason)", condition.message)
    }

    /// Waits for a condition.
    func waits(for resource: String, _ state: String, of type: String = "Resolvable") async throws -> Bool {
        try await eventually { try await condition(resource, type)?.state == state }
    }
}
