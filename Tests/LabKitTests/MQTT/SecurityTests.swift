import Foundation
import LabCore
import LabMQTT
import Logging
import Testing

@Suite("Whom the broker lets in, and whom we trust", .timeLimit(.minutes(2)))
struct SecurityTests {
    private func brokerWithPassword(_ settings: [String] = [], files: [String: String] = [:]) async throws -> Broker {
        let broker = try Broker(["allow_anonymous false", "password_file @/users"] + settings, files: files)
        try broker.setPassword("correct horse", of: "dns")
        try await broker.start()
        return broker
    }

    @Test("the right password lets in, and does not show in a description")
    func rightPassword() async throws {
        let broker = try await brokerWithPassword()
        var configuration = broker.configuration()
        configuration.user = "dns"
        configuration.password = Secret("correct horse")
        #expect(!"\(configuration)".contains("horse"))
        try await withClient(configuration) { client in
            try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "in"))
        }
    }

    @Test("a wrong password and none end run() with an error that says so", arguments: ["wrong", nil])
    func wrongPassword(password: String?) async throws {
        let broker = try await brokerWithPassword()
        var configuration = broker.configuration()
        if let password {
            configuration.user = "dns"
            configuration.password = Secret(password)
        }
        let client = try MQTTClient(configuration, logger: Logger(label: "test"))
        let error = await #expect(throws: MQTTError.self) { try await client.run() }
        guard case .refused(let name, let reason)? = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
        #expect(name == "127.0.0.1:\(broker.port)")
        #expect(reason == .badUserNameOrPassword || reason == .notAuthorized)
        #expect(error?.description.contains("password") == true)
        await #expect(throws: MQTTError.refused(broker: name, reason)) {
            try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b"))
        }
    }

    @Test("a publish that the access list forbids is refused by name, and the client works on")
    func refusedPublish() async throws {
        let broker = try Broker(
            ["allow_anonymous true", "acl_file @/acl"], files: ["acl": "topic readwrite lab/#\n"])
        try await broker.start()
        try await withClient(broker.configuration()) { client in
            for qualityOfService in [MQTTQualityOfService.atLeastOnce, .exactlyOnce] {
                await #expect(throws: MQTTError.publishRefused(topic: "private/x", .notAuthorized)) {
                    try await client.publish(
                        MQTTMessage(topic: try MQTTTopic("private/x"), text: "", qualityOfService: qualityOfService))
                }
            }
            try await client.publish(MQTTMessage(topic: try MQTTTopic("lab/a"), text: "fine"))
        }
    }

    /// Mosquitto's access lists let everybody subscribe, and withhold the messages; its plugin refuses.
    @Test("a subscription that the broker refuses throws with the filter's name; the granted one beside it works")
    func refusedSubscription() async throws {
        let rules = """
            {"defaultACLAccess":
                {"publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true},
             "clients": [],
             "groups": [{"groupname": "all", "roles": [{"rolename": "lab"}]}],
             "roles": [{"rolename": "lab",
                        "acls": [{"acltype": "subscribePattern", "topic": "lab/#", "priority": 0, "allow": true}]}],
             "anonymousGroup": "all"}
            """
        let directories = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"]
        let plugin = try #require(
            directories.map { $0 + "/mosquitto_dynamic_security.so" }
                .first { FileManager.default.fileExists(atPath: $0) })
        let broker = try Broker(
            ["allow_anonymous true", "plugin \(plugin)", "plugin_opt_config_file @/rules"], files: ["rules": rules])
        try await broker.start()
        try await withClient(broker.configuration()) { client in
            await #expect(throws: MQTTError.subscribeRefused(filter: "private/#", .notAuthorized)) {
                try await client.withSubscription(to: [MQTTTopicFilter("lab/a"), MQTTTopicFilter("private/#")]) { _ in }
            }
            let received = try await client.withSubscription(to: [MQTTTopicFilter("lab/a")]) { messages in
                try await client.publish(MQTTMessage(topic: try MQTTTopic("lab/a"), text: "fine"))
                return try await take(1, from: messages)
            }
            #expect(received.map(\.text) == ["fine"])
        }
    }

    @Test("a broker with a certificate of our authority is trusted, given as a file and as text; one of another is not")
    func privateAuthority() async throws {
        let broker = try Broker([
            "allow_anonymous true", "cafile @/ca.pem", "certfile @/server.pem", "keyfile @/server.key",
        ])
        try makeAuthority("ca", in: broker)
        try makeAuthority("other", in: broker)
        try makeCertificate("server", by: "ca", in: broker)
        try await broker.start()
        let authority = try String(contentsOfFile: broker.path("ca.pem"), encoding: .utf8)

        for trust in [MQTTConfiguration.TLS.Trust.file(broker.path("ca.pem")), .pem(authority)] {
            var configuration = broker.configuration()
            configuration.tls = .init(trust: trust)
            let topic = try MQTTTopic("lab/secret")
            let received = try await withClient(configuration) { client in
                try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { messages in
                    for index in 0..<200 { try await client.publish(MQTTMessage(topic: topic, text: "\(index)")) }
                    return try await take(200, from: messages)
                }
            }
            #expect(received.map(\.text) == (0..<200).map { "\($0)" })
        }

        for trust in [MQTTConfiguration.TLS.Trust.file(broker.path("other.pem")), .system] {
            var configuration = broker.configuration()
            configuration.tls = .init(trust: trust)
            configuration.operationTimeout = .seconds(1)
            let error = try await withClient(configuration) { client in
                await #expect(throws: MQTTError.self) {
                    try await client.publish(MQTTMessage(topic: try MQTTTopic("lab/secret"), text: "x"))
                }
            }
            #expect(error?.description.contains("certificate verify failed") == true, "\(String(describing: error))")
        }
    }

    @Test("a broker that wants a client certificate lets in who has one, and nobody else")
    func clientCertificate() async throws {
        let broker = try Broker([
            "allow_anonymous true", "cafile @/ca.pem", "certfile @/server.pem", "keyfile @/server.key",
            "require_certificate true",
        ])
        try makeAuthority("ca", in: broker)
        try makeCertificate("server", by: "ca", in: broker)
        try makeCertificate("client", by: "ca", in: broker)
        try await broker.start()
        var configuration = broker.configuration()
        configuration.operationTimeout = .seconds(1)
        configuration.tls = .init(trust: .file(broker.path("ca.pem")))
        let message = MQTTMessage(topic: try MQTTTopic("a"), text: "b")
        try await withClient(configuration) { client in
            await #expect(throws: MQTTError.self) { try await client.publish(message) }
        }
        configuration.operationTimeout = .seconds(10)
        configuration.tls?.clientCertificate = (broker.path("client.pem"), broker.path("client.key"))
        try await withClient(configuration) { client in
            try await client.publish(message)
        }
    }

    private func makeAuthority(_ name: String, in broker: Broker) throws {
        try run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=Test \(name)", "-keyout", broker.path("\(name).key"), "-out", broker.path("\(name).pem"))
    }

    private func makeCertificate(_ name: String, by authority: String, in broker: Broker) throws {
        try run(
            "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", broker.path("\(name).key"), "-out",
            broker.path("\(name).csr"))
        try run(
            "openssl", "x509", "-req", "-in", broker.path("\(name).csr"), "-CA", broker.path("\(authority).pem"),
            "-CAkey", broker.path("\(authority).key"), "-CAcreateserial", "-days", "2", "-copy_extensions", "copy",
            "-out", broker.path("\(name).pem"))
    }
}
