import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit
import LabServers
import Logging
import ServiceLifecycle
import UnixSignals

/// `lab up`
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a whole lab on this machine: the services with their own PostgreSQL, Mosquitto, Unbound, nginx.",
        discussion: "Everything lies in one directory. Ctrl-C or “lab down” stops all of it.")

    @Option(help: "The address on which the proxy, the resolver and the broker listen.")
    var listen: String = "127.0.0.1"

    @Option(help: "What the lab's names resolve to; the listening address unless that is 0.0.0.0.")
    var address: String?

    @Option(help: "The domain of the lab's names.")
    var domain: String = "home.arpa"

    @Option(help: "The proxy's port for HTTP.")
    var httpPort: Int?

    @Option(help: "The proxy's port for HTTPS.")
    var httpsPort: Int?

    @Option(help: "The resolver's port.")
    var dnsPort: Int?

    @Flag(help: "Return when the lab is ready, and leave it running.")
    var detach = false

    /// Given to the process that `--detach` leaves behind: its output is the log, where no password may be.
    @Flag(name: .customLong("detached-process"), help: .hidden)
    var isDetachedProcess = false

    @OptionGroup var options: LabOptions

    func validate() throws {
        for (name, port) in [("http-port", httpPort), ("https-port", httpsPort), ("dns-port", dnsPort)] {
            guard let port, !(1...65_535).contains(port) else { continue }
            throw ValidationError("--\(name) is \(port), and ports are numbers from 1 to 65535.")
        }
    }

    func run() async throws {
        let directory = options.directory
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        if let info = try directory.info() { return try tellRunning(info) }
        if detach { return try await startDetached(directory) }
        guard let lock = try await StateLock.take(directory.lockFile) else {
            if let info = try directory.info() { return try tellRunning(info) }
            throw CommandFault(
                "another “lab up” is starting in \(directory.path)", remedy: "Wait for it, then see “lab info”")
        }
        let lab = try EmbeddedLab(
            directory: directory,
            options: EmbeddedLab.Options(
                domain: try Hostname(domain), listen: listen, address: try addressOfNames,
                ports: LabPorts.Wish(http: httpPort, https: httpsPort, dns: dnsPort)),
            steps: Steps(isQuiet: options.json || isDetachedProcess), lock: lock
        ) { info in
            if !isDetachedProcess { try InfoText.write(info, isJSON: options.json) }
        }
        var configuration = ServiceGroupConfiguration(
            services: [
                .init(
                    service: lab, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .cancelGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: lab.logger)
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: configuration).run()
    }

    private var addressOfNames: String {
        get throws {
            if let address { return address }
            guard listen != "0.0.0.0" else {
                throw CommandFault(
                    "with --listen 0.0.0.0 the lab does not know what its names should resolve to",
                    remedy: "Give this machine's address with --address", status: 64)
            }
            return listen
        }
    }

    private func tellRunning(_ info: LabInfo) throws {
        if !options.json {
            Terminal.standardError.line("The lab runs already, as process \(info.pids.lab).")
        }
        try InfoText.write(info, isJSON: options.json)
    }

    /// Starts this program anew in a session of its own and waits until it is ready.
    private func startDetached(_ directory: StateDirectory) async throws {
        var arguments = ["--fork", ProcessFacts.ownProgram, "up", "--state-dir", directory.path]
        arguments += ["--detached-process"]
        arguments += ["--listen", listen, "--domain", domain]
        for (name, value) in [("http-port", httpPort), ("https-port", httpsPort), ("dns-port", dnsPort)] {
            if let value { arguments += ["--\(name)", String(value)] }
        }
        if let address { arguments += ["--address", address] }
        let log = directory.logFile
        try PrivateFile.write("", to: log)
        try await DetachedProgram.start("/usr/bin/setsid", arguments, output: log)
        let info = try await Steps(isQuiet: options.json).step("The lab starts") {
            try await waitUntilReady(directory, log: log)
        }
        try InfoText.write(info, isJSON: options.json)
    }

    private func waitUntilReady(_ directory: StateDirectory, log: String) async throws -> LabInfo {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(180) {
            if let info = try directory.info() { return info }
            try await Task.sleep(for: .milliseconds(50))
            let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
            // A free lock means that it has ended, unless it has not come so far as to take it: one that fails says
            // why, and on a busy machine one that works may take long to begin.
            let elapsed = ContinuousClock.now - start
            guard elapsed > .seconds(15) || (elapsed > .seconds(1) && !text.isEmpty) else { continue }
            if let lock = try StateLock(directory.lockFile), try directory.info() == nil {
                withExtendedLifetime(lock) {}
                throw CommandFault(
                    "the lab did not start: \(text.split(separator: "\n").suffix(5).joined(separator: "\n"))",
                    remedy: "All that it said is in \(log)")
            }
        }
        throw CommandFault("the lab is not ready after 180 s", remedy: "See \(log)")
    }
}
