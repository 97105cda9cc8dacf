import Glibc
public import LabCore

/// A private Mosquitto 2.0 with accounts and persistence, on 127.0.0.1 unless told otherwise.
public struct MosquittoServer: ManagedServer {
    /// Someone who may connect.
    public struct Account: Sendable {
        public let name: String
        public let password: Secret<String>

        public init(name: String, password: Secret<String>) {
            self.name = name
            self.password = password
        }
    }

    /// A second listener with TLS.
    public struct TLSListener: Sendable {
        public let port: Int
        /// PEM files that the broker's user can read.
        public let certificateFile: String
        public let keyFile: String

        public init(port: Int, certificateFile: String, keyFile: String) {
            self.port = port
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    public let name = "mosquitto"
    public let directory: String
    public let port: Int
    /// The addresses that it listens on; one of them is 127.0.0.1 or 0.0.0.0, where it is asked whether it is ready.
    public let listenAddresses: [String]
    public let accounts: [Account]
    /// The text of the access control list (mosquitto.conf(5), acl_file); nil allows each account everything.
    public let accessControl: String?
    public let allowsAnonymous: Bool
    public let tls: TLSListener?

    public init(
        directory: String, port: Int, listenAddresses: [String] = [ListenAddress.loopback], accounts: [Account],
        accessControl: String? = nil, allowsAnonymous: Bool = false, tls: TLSListener? = nil
    ) {
        self.directory = directory
        self.port = port
        self.listenAddresses = listenAddresses
        self.accounts = accounts
        self.accessControl = accessControl
        self.allowsAnonymous = allowsAnonymous
        self.tls = tls
    }

    public var ports: [Int] { [port] + (tls.map { [$0.port] } ?? []) }

    public var configurationFile: String { "\(directory)/mosquitto.conf" }
    public var passwordFile: String { "\(directory)/passwords" }
    public var accessFile: String { "\(directory)/access" }

    public func prepare() async throws {
        for address in listenAddresses { try ListenAddress.check(address, server: name) }
        let account = try ServiceAccount.ifRoot("mosquitto", for: name)
        try Files.makeDirectory(directory, mode: 0o700, owner: account)
        if let account, let obstacle = account.obstacle(onTheWayTo: directory) {
            throw ServerError.unreachable(server: name, account: account.name, directory: obstacle)
        }
        try Files.makeDirectory("\(directory)/data", mode: 0o700, owner: account)
        try await writePasswords(as: account)
        if let accessControl { try Files.write(accessControl, to: accessFile, owner: account) }
        try Files.write(configuration, to: configurationFile, owner: account)
    }

    /// Passwords go to `mosquitto_passwd` in a file that nobody else can read: its arguments everyone could see.
    private func writePasswords(as account: ServiceAccount?) async throws {
        for user in accounts { try check(user) }
        let plain = accounts.map { "\($0.name):\($0.password.reveal())\n" }.joined()
        let draft = "\(passwordFile).hashed"
        try Files.write(plain, to: draft, owner: account)
        if !accounts.isEmpty {
            do {
                try await Program.run("mosquitto_passwd", ["-U", draft], directory: directory, account: account)
                    .orThrow()
            } catch {
                Files.remove(draft)
                throw error
            }
        }
        guard rename(draft, passwordFile) == 0 else { throw Files.failure(passwordFile, "replace") }
    }

    private func check(_ account: Account) throws(ServerError) {
        let password = account.password.reveal()
        guard !account.name.isEmpty, !account.name.contains(where: { $0 == ":" || $0.isNewline }) else {
            throw .invalidSetting(
                server: name, detail: "the account name “\(account.name)” is empty or has a colon or a line break",
                remedy: "Use letters, digits and hyphens")
        }
        guard !password.isEmpty, !password.contains(where: \.isNewline), !password.hasPrefix("$") else {
            throw .invalidSetting(
                server: name,
                detail: "the password of \(account.name) is empty, has a line break or begins with a dollar sign",
                remedy: "Generate one of letters and digits")
        }
    }

    /// The text of mosquitto.conf(5) that it is started with.
    public var configuration: String {
        var lines = ["# Written by lab at every start; changes are lost."]
        lines += listenAddresses.map { "listener \(port) \($0)" }
        if let tls {
            for address in listenAddresses {
                lines += [
                    "listener \(tls.port) \(address)", "certfile \(tls.certificateFile)", "keyfile \(tls.keyFile)",
                    "tls_version tlsv1.2",
                ]
            }
        }
        lines += [
            "allow_anonymous \(allowsAnonymous)",
            "password_file \(passwordFile)",
        ]
        if accessControl != nil { lines.append("acl_file \(accessFile)") }
        lines += [
            "persistence true",
            "persistence_location \(directory)/data/",
            "autosave_interval 60",
            // A subscriber that is away keeps this many messages, then loses the newest; the outbox has them all.
            "max_queued_messages 10000",
            "max_inflight_messages 64",
            "message_size_limit 1048576",
            "persistent_client_expiration 14d",
            "log_dest stdout",
            "log_type error", "log_type warning", "log_type notice", "log_type information",
            "log_timestamp_format %Y-%m-%dT%H:%M:%S",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    public func command() throws -> ServerCommand {
        ServerCommand(
            executable: try Program.find("mosquitto"), arguments: ["-c", configurationFile],
            account: try ServiceAccount.ifRoot("mosquitto", for: name))
    }

    /// Sends CONNECT (MQTT 3.1.1, section 3.1) without credentials. Any CONNACK, a refusal too, shows a broker at work.
    public func isReady() async -> Bool {
        guard let socket = LoopbackSocket(port: port) else { return false }
        let clientID = Array("lab-readiness".utf8)
        let header: [UInt8] = [0, 4] + Array("MQTT".utf8) + [4, 2, 0, 10, 0, UInt8(clientID.count)]
        let request = [0x10, UInt8(header.count + clientID.count)] + header + clientID
        let answer = await socket.ask(request) { $0.count >= 4 }
        return answer?.first == 0x20
    }
}
