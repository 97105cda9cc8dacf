import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

/// A whole lab of this build, in a directory of its own, as `lab up` runs it.
struct LabUnderTest: Sendable {
    /// What `lab info --json` says, as far as tests need it.
    struct Info: Decodable, Sendable {
        struct ProcessIDs: Decodable, Sendable {
            let lab: Int32
            /// nil for the moment in which the server is down.
            let mosquitto: Int32?
        }

        let domain: String
        let api: String
        let https: String
        let dns: String
        let mqtt: String
        let mqttUser: String
        let mqttPassword: String
        let postgres: String
        let ca: String
        let tokenFile: String
        let docs: String
        let stateDir: String
        let pids: ProcessIDs

        var httpsPort: String { String(https.split(separator: ":").last ?? "") }
        var dnsPort: String { String(dns.split(separator: ":").last ?? "") }
        var mqttPort: String { String(mqtt.split(separator: ":").last ?? "") }
    }

    let directory: String
    var environment: [String: String] = [:]

    /// The ports that a lab had last, as it keeps them in its directory.
    struct Ports: Codable, Sendable {
        var http, https, dns, mqtt, postgres, api: Int
        var listen = "127.0.0.1"

        static func free() -> Ports {
            Ports(
                http: LoopbackPort.free(), https: LoopbackPort.free(), dns: LoopbackPort.free(),
                mqtt: LoopbackPort.free(), postgres: LoopbackPort.free(), api: LoopbackPort.free())
        }

        var all: [Int] { [http, https, dns, mqtt, postgres, api] }
    }

    private var portsFile: String { directory + "/ports.json" }

    func ports() throws -> Ports {
        try JSONText(trusted: String(contentsOfFile: portsFile, encoding: .utf8)).decode(Ports.self)
    }

    /// The clone that the tests were built from.
    static var repository: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// The program that the tests run with: beside the test bundle, unless `LAB_PROGRAM` says otherwise.
    static var program: String {
        ProcessInfo.processInfo.environment["LAB_PROGRAM"] ?? ".build/debug/lab"
    }

    /// Starts a lab for the length of `body`.
    static func with(
        environment: [String: String] = [:], _ body: @escaping @Sendable (LabUnderTest) async throws -> Void
    ) async throws {
        try await withDirectory(environment: environment) { lab in
            try await lab.up()
            try await body(lab)
        }
    }

    /// A lab that is not started yet; what runs of it in the end is stopped.
    ///
    /// - Parameter choosesPorts: whether the lab chooses its ports, the usual ones first. They are chosen for it
    ///   otherwise, so that it does not take them away from a lab that someone has on this machine.
    static func withDirectory(
        environment: [String: String] = [:], choosesPorts: Bool = false,
        _ body: @escaping @Sendable (LabUnderTest) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let lab = LabUnderTest(directory: directory + "/lab", environment: environment)
            try FileManager.default.createDirectory(atPath: lab.directory, withIntermediateDirectories: true)
            if !choosesPorts {
                try JSONText(encoding: Ports.free()).text.write(
                    toFile: lab.portsFile, atomically: true, encoding: .utf8)
            }
            do {
                try await body(lab)
            } catch {
                try? await lab.down()
                throw error
            }
            try await lab.down()
        }
    }

    /// Runs a command of the lab's program.
    func run(_ arguments: [String], timeout: Duration = .seconds(120)) async throws -> ProgramResult {
        try await Program.run(
            Self.program, arguments,
            environment: environment.merging(["LAB_STATE_DIR": directory, "NO_COLOR": "1"]) { $1 }, timeout: timeout,
            outputLimit: 8 << 20)
    }

    func up() async throws {
        let result = try await run(["up", "--detach", "--json"], timeout: .seconds(240))
        try #require(result.status.isSuccess, "lab up: \(result.standardError)")
    }

    func down() async throws {
        let result = try await run(["down", "--json"])
        try #require(result.status.isSuccess, "lab down: \(result.standardError)")
    }

    func info() async throws -> Info {
        let result = try await run(["info", "--json"])
        try #require(result.status.isSuccess, "lab info: \(result.standardError)")
        return try JSONText(trusted: result.standardOutput).decode(Info.self)
    }

    func deploy(_ name: String, upstream: String, more: [String] = []) async throws -> ProgramResult {
        try await run(["deploy", name, "--upstream", upstream] + more)
    }

    /// What a client sees: the name asked of the real resolver, then the page through the real proxy.
    func fetch(_ host: String, path: String = "/", more: [String] = []) async throws -> ProgramResult {
        let info = try await info()
        let address = try await resolve(host, info)
        return try await Program.run(
            "curl",
            [
                "--silent", "--show-error", "--fail", "--max-time", "20", "--cacert", info.ca, "--resolve",
                "\(host):\(info.httpsPort):\(address)", "https://\(host):\(info.httpsPort)\(path)",
            ] + more)
    }

    /// The address that the lab's resolver gives, or an empty text.
    func resolve(_ host: String, _ info: Info? = nil) async throws -> String {
        let info = if let info { info } else { try await self.info() }
        let result = try await Program.run(
            "dig", ["@127.0.0.1", "-p", info.dnsPort, "+short", "+tries=1", "+time=2", host, "A"])
        return result.standardOutput.split(separator: "\n").first.map(String.init) ?? ""
    }

    func page(of app: String) async throws -> String? {
        let info = try await info()
        guard let data = try? Data(contentsOf: URL(filePath: "\(info.docs)/services/\(app).md")) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }
}
