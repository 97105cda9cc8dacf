import LabCore
import Logging
import NIOCore

/// Unbound, told over its control channel and by a file of its configuration.
///
/// Records go both ways at once: over the control channel, so that they are answered at once, and into the file, so
/// that they are still answered after a restart. Zones come from the file only, with a reload: a zone that is made over
/// the control channel can take its parent's names along (Unbound before 1.21).
actor UnboundResolver: Resolver {
    static let capabilities = ResolverCapabilities(
        types: Set(RecordType.allCases), wildcards: .withApex, followsAliases: false)

    nonisolated var capabilities: ResolverCapabilities { Self.capabilities }

    private let control: UnboundControl
    private let configuration: UnboundConfiguration
    private let questioner: any Questioner
    private let logger: Logger
    /// Whose TXT record tells which file Unbound has loaded; below a name that nobody looks up (RFC 6761).
    private let marker: RecordName

    /// What Unbound is to hold, as of the last call.
    private var contents = UnboundContents()
    /// What it holds, as far as is known; nil when that has to be asked.
    private var known: Known?
    /// The zones of the file that was loaded last; nil before the file was looked at.
    private var loadedZones: Set<[UInt8]>?
    private var stored: Stored?
    private let gate = Gate()

    private struct Known {
        var listing: UnboundListing
        var zones: UnboundZoneListing
        /// Each owner's line hashes, by the hash of its name; kept up to date with what was sent since.
        var owners: [UInt64: [UInt64]]
    }

    /// The file as it was written or found last.
    private struct Stored {
        let content: [UInt8]
        let version: FileVersion?
    }

    init(
        control: UnboundControl, configuration: UnboundConfiguration, questioner: any Questioner, logger: Logger
    ) throws {
        self.control = control
        self.configuration = configuration
        self.questioner = questioner
        self.logger = logger
        marker = try RecordName("_dns-manager.invalid")
    }

    // MARK: The seam

    func publish(_ publication: Publication, changing names: Set<RecordName>) async -> PublishReport {
        await gate.enter()
        defer { gate.leave() }
        let owners = contents.update(publication, names)
        do {
            try await learnIfNeeded()
        } catch {
            // The file is written all the same: Unbound has everything as soon as it is back.
            return PublishReport(live: error, stored: await storeReportingError())
        }
        if needsReload(for: owners) {
            return await publishByReload()
        }
        async let storing = storeReportingError()
        var report = await publishByControl(owners)
        report.stored = await storing
        return report
    }

    func compare(with publication: Publication) async throws(ResolverError) -> Drift {
        await gate.enter()
        defer { gate.leave() }
        contents.updateIfEmpty(publication)
        try await learn()
        guard let known else { return Drift() }
        if stored != nil, stored?.version != configuration.version() {
            logger.notice("The records' file was changed by somebody else, and is written anew")
            stored = nil
            try await store()
        }
        var drift = Drift()
        let areZonesRight = known.zones.holds(contents.zones)
        for (owner, content) in contents.owners
        where !areZonesRight || known.owners[content.nameHash] ?? [] != content.hashes {
            drift.names.formUnion(contents.names(at: owner))
        }
        drift.unmanaged = unmanaged(in: known.listing).sorted()
        return drift
    }

    func answer(_ questions: [Question]) async -> [Result<Answer, ResolverError>] {
        await questioner.answer(questions)
    }

    // MARK: What Unbound holds

    private func learnIfNeeded() async throws(ResolverError) {
        if known == nil { try await learn() }
    }

    private func learn() async throws(ResolverError) {
        known = nil
        if loadedZones == nil {
            let content = try? await Files.offPool { [configuration] in configuration.read() }
            loadedZones = content.map(UnboundContents.zoneLines)
            if let content, stored == nil { stored = Stored(content: content, version: configuration.version()) }
        }
        let zones = UnboundZoneListing(try await control.ask("list_local_zones"))
        let listing = UnboundListing(try await control.ask("list_local_data"))
        known = Known(listing: listing, zones: zones, owners: listing.owners.mapValues(\.hashes))
    }

    /// What is held, was not published and does not come with Unbound.
    private func unmanaged(in listing: UnboundListing) -> [String] {
        let markerHash = LineHash.of("\(marker).")
        return listing.owners.filter { $0.key != markerHash && !contents.nameHashes.contains($0.key) }
            .flatMap { listing.text(of: $0.value) }
            .filter { !UnboundContents.isBuiltIn($0) }
    }

    // MARK: By the control channel

    private func publishByControl(_ owners: Set<RecordName>) async -> PublishReport {
        let plan = UnboundPlan(owners: owners, contents: contents, known: known?.owners ?? [:])
        var report = PublishReport()
        for step in plan.steps {
            do {
                let replies = try await control.change(step.bulks)
                if let complaint = step.complaint(in: replies) {
                    for owner in step.owners {
                        for name in contents.names(at: owner) { report.refused[name] = complaint }
                    }
                    known = nil
                } else {
                    for owner in step.owners {
                        let content = contents.owners[owner]
                        known?.owners[LineHash.of("\(owner).")] = content?.hashes
                    }
                }
            } catch {
                known = nil
                report.live = error
                return report
            }
        }
        return report
    }

    // MARK: By the file

    private func needsReload(for owners: Set<RecordName>) -> Bool {
        guard let known, let loadedZones else { return true }
        return loadedZones != contents.zoneLines || !known.zones.holds(contents.zones)
            || owners.contains { contents.owners[$0]?.isTooLongForControl ?? false && isUnknown($0, known) }
    }

    private func isUnknown(_ owner: RecordName, _ known: Known) -> Bool {
        contents.owners[owner].map { known.owners[$0.nameHash] ?? [] != $0.hashes } ?? false
    }

    /// Writes the file and has Unbound read it. Reload says `ok` before it is done and forgets what came over the
    /// control channel, so what others put there is put back.
    private func publishByReload() async -> PublishReport {
        do {
            // What others added since is to be put back too.
            try await learn()
        } catch {
            return PublishReport(live: error, stored: await storeReportingError())
        }
        let foreign = known.map { unmanaged(in: $0.listing) } ?? []
        do {
            try await store()
        } catch {
            return PublishReport(
                live: ResolverError(error.reason, "A new zone needs the file: \(error.detail)"), stored: error)
        }
        known = nil
        do {
            let reply = String(buffer: try await control.ask("reload_keep_cache"))
            guard reply == "ok\n" else { throw ResolverError(.refused, "Unbound refused to reload: \(reply)") }
            try await waitForReload()
            try await putBack(foreign)
            return await publishByControl(Set(contents.owners.keys))
        } catch let error as ResolverError {
            return PublishReport(live: error)
        } catch {
            return PublishReport(live: ResolverError(.unavailable, "The reload was not waited for: \(error)"))
        }
    }

    private func waitForReload() async throws {
        let expected = contents.markerRecord(marker, of: contents.fileContent).hash
        let deadline = ContinuousClock.now + .seconds(20)
        var pause = Backoff(initial: .milliseconds(5), maximum: .milliseconds(250))
        while true {
            do {
                try await learn()
                if known?.owners[LineHash.of("\(marker).")] == [expected] {
                    loadedZones = contents.zoneLines
                    return
                }
            } catch {
                try Task.checkCancellation()
            }
            guard ContinuousClock.now < deadline else {
                known = nil
                stored = nil
                try await Files.offPool { [configuration] in try configuration.restoreLastGood() }
                throw ResolverError(
                    .unavailable,
                    "Unbound did not come back from the reload within 20 s. The last good records were put back: "
                        + "restart Unbound and see its log")
            }
            try await Task.sleep(for: pause.next())
        }
    }

    private func putBack(_ foreign: [String]) async throws(ResolverError) {
        guard !foreign.isEmpty, let known else { return }
        let present = Set(unmanaged(in: known.listing))
        let lost = foreign.filter { !present.contains($0) }
        let lines = lost.filter { !$0.hasSuffix("…") }.map { Array($0.utf8) }
        if lines.count < lost.count {
            logger.warning(
                "Records of others were too long to be put back after a reload",
                metadata: ["records": "\(lost.count - lines.count)"])
        }
        for start in stride(from: 0, to: lines.count, by: UnboundControl.maximumBatch) {
            let part = Array(lines[start..<min(start + UnboundControl.maximumBatch, lines.count)])
            _ = try await control.change([.init(command: "local_datas", lines: part)])
        }
    }

    private func store() async throws(ResolverError) {
        let records = contents.fileContent
        let content = records + contents.markerRecord(marker, of: records).fileLine
        if let stored, stored.version != nil, stored.content == content, stored.version == configuration.version() {
            return
        }
        stored = nil
        do {
            try await configuration.replace(with: content)
        } catch let error as ResolverError {
            throw error
        } catch {
            throw ResolverError(.storage, "\(error)")
        }
        stored = Stored(content: content, version: configuration.version())
    }

    private func storeReportingError() async -> ResolverError? {
        do {
            try await store()
            return nil
        } catch {
            return error
        }
    }
}
