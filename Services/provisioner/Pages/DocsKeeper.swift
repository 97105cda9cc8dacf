import FoundationEssentials
import LabCore
import LabService
import LabState
import Logging

/// Keeps the page of all apps and the change log up to date, on one replica at a time.
struct DocsKeeper: Sendable {
    let pages: PageStore
    let names: LabNames
    let lab: LabContext
    /// Changes that come together are written together.
    private let settleTime: Duration = .milliseconds(200)
    private let refreshInterval: Duration = .seconds(60)

    init(_ pages: PageStore, names: LabNames, lab: LabContext) {
        self.pages = pages
        self.names = names
        self.lab = lab
    }

    /// Runs until the task is cancelled.
    func run() async throws {
        let lease = Lease("provisioner/docs", holder: lab.replica, postgres: lab.store.postgres, logger: lab.logger)
        try await lease.whileHeld {
            try await lab.wakeUps.follow(channel: WakeUps.eventChannel) { awaitNext in
                while true {
                    do {
                        try await update()
                    } catch let error as PageError {
                        lab.logger.warning("The docs cannot be written", metadata: ["error": "\(error)"])
                    }
                    await awaitNext(refreshInterval)
                    try await Task.sleep(for: settleTime)
                }
            }
        }
    }

    /// Writes both pages where they differ from what is declared and recorded, and deletes pages of apps that are
    /// gone and drafts that were broken off.
    func update() async throws {
        try await pages.deleteDrafts()
        // In this order: an app's page comes after its declaration, so that the page of a new app is never an orphan.
        let documented = try await pages.appsWithPage()
        let apps = try await lab.store.resources(App.self).readable
        let conditions = try await lab.store.conditions(kind: App.name)
        let present = Set(apps.map(\.name.text))
        for orphan in documented.subtracting(present) {
            if let name = try? AppName(orphan) { try await pages.delete(.app(name)) }
        }
        let entries = apps.filter { !$0.isDeleted }.compactMap { app -> IndexPage.Entry? in
            guard let name = try? AppName(app.name.text), let host = try? app.spec.host(of: name, in: names) else {
                return nil
            }
            return IndexPage.Entry(
                name: name, title: app.spec.title?.text ?? name.text, host: host, category: app.spec.category?.text,
                summary: app.spec.summary?.text,
                online: conditions[app.key]?.current("Online", generation: app.generation)?.status ?? .unknown,
                hasPage: documented.contains(name.text), httpsPort: names.httpsPort)
        }
        try await pages.write(IndexPage(entries: entries).text, to: .index)
        let changes = try await ChangeLog(store: lab.store).latest(limit: ChangelogPage.limit)
        try await pages.write(ChangelogPage(changes: changes).text, to: .changelog)
    }
}
