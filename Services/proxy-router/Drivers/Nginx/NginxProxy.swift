import LabCore
public import LabHTTPClient
import LabServers
public import Logging

/// nginx 1.22 or later on this machine: writes its whole configuration, tests it, swaps it in, reloads, and waits until
/// no worker of the former configuration takes connections.
public actor NginxProxy: Proxy {
    static let features = ProxyCapabilities(
        name: "nginx", servesAtOnce: true, marksItsErrors: true, access: [.public, .lab])

    public nonisolated var capabilities: ProxyCapabilities { Self.features }

    private let settings: NginxSettings
    private let folder: NginxFolder
    private let client: HTTPClient
    private let logger: Logger
    /// One change at a time, although an actor's methods interleave.
    private let turn = Turn()
    /// The last change that succeeded.
    private var last: Change?

    private struct Change {
        let wanted: ProxyState
        /// What is served: all that was wanted but the refused routes.
        let served: ProxyState
        let refused: [Hostname: String]
        let configuration: NginxConfiguration
    }

    /// How many times a configuration is tested with ever fewer routes, before all of it counts as refused.
    private static let maximumTests = 12
    private static let patience: Duration = .seconds(15)

    public init(_ settings: NginxSettings, client: HTTPClient, logger: Logger) {
        self.settings = settings
        folder = NginxFolder(settings: settings)
        self.client = client
        self.logger = logger
    }

    /// Writes the files that nginx needs to start, where they are missing: call it before nginx is started for the
    /// first time. What was served before stays.
    public func prepare() async throws(ProxyError) {
        let settings = settings
        try await folder.away { (folder) throws(ProxyError) in
            try folder.prepare()
            if folder.current == nil {
                let nothing = ProxyState([])
                let configuration = NginxConfiguration(nothing, settings)
                _ = try folder.write(configuration)
                try folder.activate(configuration.revision)
            }
        }
    }

    public func apply(_ state: ProxyState) async throws(ProxyError) -> ProxyReport {
        await turn.take()
        defer { turn.pass() }
        return try await change(to: state)
    }

    public func isServing(_ state: ProxyState) async throws(ProxyError) -> Bool {
        try await isServed(configuration(for: state))
    }

    /// What would be served of a state: rendered anew only when it is not the one of the last change.
    private func configuration(for state: ProxyState) -> NginxConfiguration {
        if let last, last.wanted == state { last.configuration } else { NginxConfiguration(state, settings) }
    }

    private func change(to wanted: ProxyState) async throws(ProxyError) -> ProxyReport {
        try await folder.away { (folder) throws(ProxyError) in try folder.prepare() }
        var configuration = configuration(for: wanted)
        if try await isServed(configuration) {
            let refused = last.map { $0.wanted == wanted ? $0.refused : [:] } ?? [:]
            last = Change(
                wanted: wanted, served: wanted.without(Set(refused.keys)), refused: refused,
                configuration: configuration)
            return ProxyReport(revision: configuration.revision, refused: refused, isChanged: false)
        }
        var refused = try await folder.away { (folder) throws(ProxyError) in try folder.store(wanted) }
        var state = wanted.without(Set(refused.keys))
        configuration = NginxConfiguration(state, settings)
        for _ in 0..<Self.maximumTests {
            guard let complaint = try await test(configuration) else {
                try await activate(configuration)
                await finish(Change(wanted: wanted, served: state, refused: refused, configuration: configuration))
                return ProxyReport(revision: configuration.revision, refused: refused, isChanged: true)
            }
            guard !complaint.hosts.isEmpty else { throw .refused(detail: complaint.message) }
            for host in complaint.hosts { refused[host] = complaint.message }
            state = state.without(complaint.hosts)
            configuration = NginxConfiguration(state, settings)
        }
        throw .refused(detail: refused.values.sorted().first ?? "too many routes are at fault")
    }

    private func isServed(_ configuration: NginxConfiguration) async throws(ProxyError) -> Bool {
        let isOnDisk = try await folder.away { (folder) throws(ProxyError) in folder.holds(configuration) }
        guard isOnDisk else { return false }
        return await answeredRevision() == configuration.revision
    }

    /// Writes a configuration apart from what is served and has nginx read it.
    ///
    /// - Returns: nil when nginx takes it.
    private func test(_ configuration: NginxConfiguration) async throws(ProxyError) -> NginxComplaint? {
        let main = try await folder.away { (folder) throws(ProxyError) in try folder.write(configuration) }
        let result: ProgramResult
        do {
            result = try await Program.run(
                "nginx", ["-t", "-q", "-e", "stderr", "-p", settings.directory + "/", "-c", main],
                timeout: .seconds(30))
        } catch {
            throw .unavailable(detail: "nginx cannot test its configuration: \(error)", remedy: "Install nginx")
        }
        guard !result.status.isSuccess else { return nil }
        return NginxComplaint(result.standardError, configuration)
    }

    private func activate(_ configuration: NginxConfiguration) async throws(ProxyError) {
        let former = try await folder.away { (folder) throws(ProxyError) in
            let former = folder.current
            try folder.activate(configuration.revision)
            return former
        }
        // An nginx that is away starts with the new configuration, so the link stays also when this throws.
        let master = try NginxMaster(pidFile: settings.pidFile)
        if await answeredRevision() == nil { try await clearListeners(master) }
        let old = master.workers
        try master.reload()
        do {
            try await waitUntilServed(configuration.revision, master, retiring: old)
        } catch {
            guard let former, former != configuration.revision else { throw error }
            try? await folder.away { (folder) throws(ProxyError) in try folder.activate(former) }
            try? master.reload()
            throw error
        }
    }

    /// Has a running nginx that serves somebody else's configuration let go of its addresses.
    private func clearListeners(_ master: NginxMaster) async throws(ProxyError) {
        let settings = settings
        try await folder.away { (folder) throws(ProxyError) in
            let main = NginxConfiguration.mainWithoutListeners(settings)
            try Disk.replace(settings.configurationFile, with: main, mode: 0o600)
        }
        let old = master.workers
        try master.reload()
        let deadline = ContinuousClock.now + .seconds(2)
        while ContinuousClock.now < deadline {
            if !old.isEmpty, master.workers.subtracting(old).count >= settings.workers {
                master.retire(old)
                break
            }
            try await pause(.milliseconds(2))
        }
        try await folder.away { (folder) throws(ProxyError) in try folder.prepare() }
    }

    /// Waits until the revision is answered, and none of the former workers takes connections any more.
    ///
    /// The former workers are sent away as soon as their successors are there: otherwise they go on to take most
    /// connections for another 100 ms. What waits in the listening sockets meanwhile is the successors'.
    private func waitUntilServed(
        _ revision: String, _ master: NginxMaster, retiring old: Set<Int32>
    ) async throws(ProxyError) {
        let deadline = ContinuousClock.now + Self.patience
        var isRetired = old.isEmpty
        while true {
            if !isRetired, master.workers.subtracting(old).count >= settings.workers {
                master.retire(old)
                isRetired = true
            }
            // A worker of an earlier reload may still answer; it does so no more once it is gone.
            if isRetired, master.workers.isDisjoint(with: old), await answeredRevision() == revision { break }
            guard ContinuousClock.now < deadline else {
                let answered = await answeredRevision() ?? "none"
                throw .notServing(detail: "nginx answers revision \(answered), not \(revision); see its error log")
            }
            try await pause(.milliseconds(1))
        }
        // Where /proc does not tell who the workers are, the master's own 100 ms must do.
        if old.isEmpty { try await pause(.milliseconds(150)) }
    }

    private func pause(_ duration: Duration) async throws(ProxyError) {
        do {
            try await Task.sleep(for: duration)
        } catch {
            throw .unavailable(detail: "the wait for nginx was cancelled", remedy: "Try again")
        }
    }

    /// The revision that nginx says it serves; nil when it does not answer.
    private func answeredRevision() async -> String? {
        var request = HTTPRequest(url: "http://\(NginxConfiguration.controlName):\(settings.httpPort)/revision")
        request.connectOverrides = [
            .resolve(NginxConfiguration.controlName, port: settings.httpPort, to: settings.ownAddress)
        ]
        request.retries = .never
        request.redirects = .none
        request.timeouts = HTTPTimeouts(connect: .seconds(1), total: .seconds(2), idle: .seconds(2))
        guard let response = try? await client.execute(request), response.isSuccess else { return nil }
        return response.text
    }

    private func finish(_ change: Change) async {
        let former = last
        last = change
        for (host, message) in change.refused {
            logger.warning("nginx refuses a route", metadata: ["host": "\(host)", "message": "\(message)"])
        }
        // What a former process served is unknown, so its files go with the second change.
        guard let former else { return }
        let revisions: Set = [change.configuration.revision, former.configuration.revision]
        try? await folder.away { (folder) throws(ProxyError) in
            folder.prune(keeping: revisions, [change.served, former.served])
        }
    }
}
