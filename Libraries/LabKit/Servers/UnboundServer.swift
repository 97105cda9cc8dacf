import Glibc

/// A private Unbound 1.17: answers, on 127.0.0.1 unless told otherwise, from a file of records that its caller writes, and forwards or
/// recurses for the rest only when told to.
public struct UnboundServer: ManagedServer {
    /// Where questions go that the records do not answer.
    public enum Upstream: Sendable, Hashable {
        /// Nowhere: they are refused. The lab then never asks the internet anything.
        case none
        /// From the root servers down.
        case recursion
        /// To these resolvers, each as Unbound's `forward-addr` takes it: `192.0.2.1` or `127.0.0.1@5353`.
        case forward([String])
    }

    public let name = "unbound"
    public let directory: String
    public let port: Int
    /// The addresses that it listens on with its port.
    public let listenAddresses: [String]
    /// Further addresses to listen on, each as Unbound's `interface` takes it: `192.0.2.1@53`.
    public let furtherInterfaces: [String]
    public let upstream: Upstream
    /// The networks that may ask besides 127.0.0.0/8: `192.168.0.0/16`.
    public let allowedNetworks: [String]

    public init(
        directory: String, port: Int, listenAddresses: [String] = [ListenAddress.loopback],
        furtherInterfaces: [String] = [], upstream: Upstream = .none, allowedNetworks: [String] = []
    ) {
        self.directory = directory
        self.port = port
        self.listenAddresses = listenAddresses
        self.furtherInterfaces = furtherInterfaces
        self.upstream = upstream
        self.allowedNetworks = allowedNetworks
    }

    public var ports: [Int] { [port] }
    public var datagramPorts: [Int] { [port] }

    public var configurationFile: String { "\(directory)/unbound.conf" }
    /// The included file of `server:` clauses (`local-zone`, `local-data`); whoever manages the records replaces it.
    public var recordsFile: String { "\(directory)/records.conf" }
    /// Speaks Unbound's control protocol without TLS: `UBCT1 <command>\n`, answered until the end of the connection.
    public var controlSocket: String { "\(directory)/control.sock" }

    public func prepare() async throws {
        try UnixSocketPath.check(controlSocket, server: name)
        for address in listenAddresses { try ListenAddress.check(address, server: name) }
        try checkAddresses()
        let account = try ServiceAccount.ifRoot("unbound", for: name)
        // Searchable, so that the records' writer may be another user than Unbound's.
        try Files.makeDirectory(directory, mode: 0o711, owner: account)
        if let account, let obstacle = account.obstacle(onTheWayTo: directory) {
            throw ServerError.unreachable(server: name, account: account.name, directory: obstacle)
        }
        if !Files.exists(recordsFile) { try Files.write("", to: recordsFile, mode: 0o644) }
        try Files.write(configuration, to: configurationFile, mode: 0o644, owner: account)
        Files.remove(controlSocket)
    }

    /// Looks at all that goes into the configuration as it is; for whoever writes that without ``prepare()``.
    public func checkAddresses() throws(ServerError) {
        for text in furtherInterfaces + allowedNetworks + forwarders { try checkAddress(text) }
    }

    private var forwarders: [String] {
        if case .forward(let addresses) = upstream { addresses } else { [] }
    }

    /// Addresses go into the configuration as they are, so they may have no character that ends a word there.
    private func checkAddress(_ text: String) throws(ServerError) {
        let isAddress = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "."),
                UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard isAddress, !text.isEmpty else {
            throw .invalidSetting(
                server: name, detail: "“\(text)” is not an address",
                remedy: "Write 192.0.2.1, 192.0.2.1@5353 or 192.0.2.0/24")
        }
    }

    /// The text of unbound.conf(5) that it is started with.
    public var configuration: String {
        var lines = [
            "# Written by lab at every start; changes are lost. Records belong in the included file.",
            "server:",
            "    directory: \"\(directory)\"",
            "    chroot: \"\"",
            "    username: \"\"",
            "    pidfile: \"\"",
            "    do-daemonize: no",
            "    use-syslog: no",
            "    logfile: \"\"",
            "    log-time-ascii: yes",
            "    verbosity: 1",
        ]
        if listenAddresses.contains(ListenAddress.any) {
            // On the wildcard an answer must leave from the address that was asked (unbound.conf(5)).
            lines += ["    port: \(port)", "    interface-automatic: yes", "    do-ip6: no"]
        } else {
            lines += listenAddresses.map { "    interface: \($0)@\(port)" }
        }
        lines += furtherInterfaces.map { "    interface: \($0)" }
        lines += ["    access-control: 127.0.0.0/8 allow"]
        lines += allowedNetworks.map { "    access-control: \($0) allow" }
        lines += [
            "    num-threads: 1",
            "    msg-cache-size: 4m",
            "    rrset-cache-size: 8m",
            "    neg-cache-size: 512k",
            "    outgoing-range: 256",
            "    num-queries-per-thread: 128",
            "    so-reuseport: no",
            "    hide-identity: yes",
            "    hide-version: yes",
            // Without a root key there is nothing to validate with; private zones are not signed anyway.
            "    module-config: \"iterator\"",
            "    do-not-query-localhost: \(forwarders.contains { $0.hasPrefix("127.") } ? "no" : "yes")",
        ]
        // Local data are answered before this zone is asked; a zone of its own name is more specific.
        if upstream == .none { lines.append("    local-zone: \".\" refuse") }
        lines += [
            "    include: \"\(recordsFile)\"",
            "remote-control:",
            "    control-enable: yes",
            "    control-interface: \"\(controlSocket)\"",
            "    control-use-cert: no",
        ]
        if !forwarders.isEmpty {
            lines += ["forward-zone:", "    name: \".\""] + forwarders.map { "    forward-addr: \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    public func command() throws -> ServerCommand {
        ServerCommand(
            executable: try Program.find("unbound"), arguments: ["-d", "-p", "-c", configurationFile],
            account: try ServiceAccount.ifRoot("unbound", for: name))
    }

    /// Asks the control socket for `status`; the answer begins with the version.
    public func isReady() async -> Bool {
        guard let socket = LoopbackSocket(path: controlSocket) else { return false }
        let answer = await socket.ask(Array("UBCT1 status\n".utf8))
        return answer?.starts(with: "version:".utf8) ?? false
    }
}
