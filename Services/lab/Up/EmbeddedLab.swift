import FoundationEssentials
import Glibc
import LabKit
import LabServers
import Logging
import ServiceLifecycle

/// A whole lab in one process: supervised servers as its children, the services on top of them.
struct EmbeddedLab: Service {
    /// What was asked for on the command line.
    struct Options: Sendable {
        let domain: Hostname
        let listen: String
        let address: String
        let ports: LabPorts.Wish
    }

    let logger: Logger
    private let directory: StateDirectory
    private let options: Options
    private let secrets: SecretFiles
    private let adminToken: Secret<String>
    private let steps: Steps
    private let lock: StateLock
    private let onReady: @Sendable (LabInfo) throws -> Void

    /// - Parameter onReady: called once everything answers.
    init(
        directory: StateDirectory, options: Options, steps: Steps, lock: StateLock,
        onReady: @escaping @Sendable (LabInfo) throws -> Void
    ) throws {
        self.directory = directory
        self.options = options
        self.steps = steps
        self.lock = lock
        self.onReady = onReady
        logger = LabLogging.start(level: ProcessInfo.processInfo.environment["LAB_LOG_LEVEL"] ?? "warning")
        secrets = try SecretFiles(directory.secrets)
        adminToken = try SecretFiles.secret(at: directory.adminTokenFile)
        try FileManager.default.createDirectory(atPath: directory.docs, withIntermediateDirectories: true)
    }

    func run() async throws {
        defer { unlink(directory.infoFile) }
        let (layout, reservations) = try await makeLayout()
        let supervisor = try ServerSupervisor(
            stateDirectory: directory.path, servers: try layout.servers(secrets), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run() }
            group.addTask { try await runServices(layout, supervisor) }
            // Whichever ends first ends the other: the services at shutdown, or a server that cannot be started.
            defer { group.cancelAll() }
            try await group.next()
        }
        withExtendedLifetime((lock, reservations)) {}
    }

    /// Ends what a killed lab left running, then chooses ports: its servers still held theirs, and this lab should
    /// have the same.
    private func makeLayout() async throws -> (EmbeddedLayout, [PortReservation]) {
        try forgetUnsynced()
        try await ServerSupervisor.endLeftovers(stateDirectory: directory.path)
        try await LabPorts.waitForEarlier(in: directory)
        let earlier = LabPorts.earlier(in: directory)
        let (ports, reservations) = try LabPorts.choose(options.ports, in: directory, listen: options.listen)
        let layout = EmbeddedLayout(
            directory: directory, ports: ports, domain: options.domain, listen: options.listen,
            address: options.address)
        // nginx starts with what the proxy router wrote last. When that listens elsewhere, it starts without routes.
        if !earlier.hasSameProxy(as: layout.ports) { unlink(layout.nginxConfiguration) }
        return (layout, reservations)
    }

    /// After a loss of power, removes what may be torn and is made anew: nginx's files, which follow from the database
    /// and are not synced for the sake of speed, and the numbers of processes.
    private func forgetUnsynced() throws {
        let machine = MachineStart(directory)
        if machine.isLaterThanLab {
            let supervisor = directory.path + "/supervisor"
            let files = (try? FileManager.default.contentsOfDirectory(atPath: supervisor)) ?? []
            for path in files.filter({ $0.hasSuffix(".pid") }).map({ "\(supervisor)/\($0)" }) { unlink(path) }
            let nginx = directory.path + "/nginx"
            if FileManager.default.fileExists(atPath: nginx) { try FileManager.default.removeItem(atPath: nginx) }
        }
        try machine.record()
    }

    private func runServices(_ layout: EmbeddedLayout, _ supervisor: ServerSupervisor) async throws {
        let isStarted = try await steps.step("PostgreSQL, Mosquitto, Unbound and nginx") {
            try await Self.untilShutdown { try await supervisor.waitUntilReady() }
        }
        guard isStarted else { return }
        try await steps.step("Database") {
            try await EmbeddedDatabase(layout: layout, secrets: secrets).prepare(logger)
        }
        let settings = try layout.settings(secrets: secrets, adminToken: adminToken)
        let start = ContinuousClock.now
        let host = LabHost(labServices, settings: settings, logger: logger) { _ in
            steps.tell("Services", since: start)
            let info = try layout.info(secrets: secrets, processes: await Self.processes(supervisor))
            try PrivateFile.write(try JSONText(encoding: info).text, to: directory.infoFile)
            try onReady(info)
        }
        try await host.run()
    }

    /// Runs the body unless a shutdown is asked for first; false in that case.
    private static func untilShutdown(_ body: @escaping @Sendable () async throws -> Void) async throws -> Bool {
        do {
            try await cancelWhenGracefulShutdown { try await body() }
            return true
        } catch is CancellationError {
            return false
        }
    }

    private static func processes(_ supervisor: ServerSupervisor) async -> LabInfo.ProcessIDs {
        var pids = LabInfo.ProcessIDs(lab: getpid())
        for status in await supervisor.status {
            switch status.name {
            case "postgres": pids.postgres = status.pid
            case "mosquitto": pids.mosquitto = status.pid
            case "unbound": pids.unbound = status.pid
            case "nginx": pids.nginx = status.pid
            default: break
            }
        }
        return pids
    }
}

/// The database that the services share, with its owner.
struct EmbeddedDatabase: Sendable {
    let layout: EmbeddedLayout
    let secrets: SecretFiles

    /// Makes both when they are missing; the owner may make roles, and is no superuser.
    func prepare(_ logger: Logger) async throws {
        let superuser = PostgresClient(
            try PostgresConfiguration(
                connectionString: "host=\(layout.postgres) port=\(layout.ports.postgres) dbname=postgres user=postgres"),
            logger: logger)
        do {
            try await LabDatabase(superuser).prepare(
                ownerPassword: try secrets.secret("postgres-\(EmbeddedLayout.databaseOwner)"))
        } catch {
            await superuser.shutdown()
            throw error
        }
        await superuser.shutdown()
    }
}
