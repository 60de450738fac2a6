//! The slots as servers have them: the owners that each node has heard of, what migrates, what is announced of it, and what a node says
//! to a command for a slot that it does not own.

use super::net::{Event, MS};
use super::random::Random;
use super::world::World;
use sch::cluster::key_slot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// What migrates is made of so many equal parts.
pub const GROUPS: usize = 32;
/// Slots of each. Of the others nobody has any: a map that is small is taken over soon.
pub const GROUP: usize = 32;

fn group_of(slot: u16) -> usize {
    usize::from(slot) / GROUP
}

/// A hash tag with a slot of that group.
pub fn tag(group: usize) -> &'static str {
    static TAGS: OnceLock<Vec<String>> = OnceLock::new();
    let tags = TAGS.get_or_init(|| {
        let tag_of = |group| move |text: &String| group_of(key_slot(text.as_bytes())) == group;
        (0..GROUPS)
            .map(|group| (0..).map(|n| format!("{{{n}}}")).find(tag_of(group)).expect("one of many"))
            .collect()
    });
    &tags[group]
}

pub fn endpoint(node: usize) -> String {
    format!("node{node}:6379")
}

/// As SMIGRATED has them: `0-511,1024-2047`.
fn ranges(groups: &[usize]) -> String {
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for group in groups {
        match merged.last_mut() {
            Some((_, end)) if *end == *group => *end += 1,
            _ => merged.push((*group, group + 1)),
        }
    }
    let texts = merged.iter().map(|(from, to)| format!("{}-{}", from * GROUP, to * GROUP - 1));
    texts.collect::<Vec<_>>().join(",")
}

/// Slots on their way from one node to one or two others.
#[derive(Debug)]
struct Migration {
    from: usize,
    /// Groups and where they go, in order.
    to: Vec<(usize, usize)>,
    /// Its source says ASK for some of the keys.
    asks: bool,
}

impl Migration {
    fn destinations(&self) -> Vec<usize> {
        let mut all: Vec<usize> = self.to.iter().map(|(_, to)| *to).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn groups_to(&self, node: usize) -> Vec<usize> {
        self.to.iter().filter(|(_, to)| *to == node).map(|(group, _)| *group).collect()
    }
}

#[derive(Debug)]
pub struct Slots {
    owners: [usize; GROUPS],
    /// By node: as it has heard.
    heard: Vec<[usize; GROUPS]>,
    open: Vec<Migration>,
    /// By seq of each SMIGRATED: what SLOTS_MOVED must say.
    pub announced: BTreeMap<u64, Vec<String>>,
    /// By node: SMIGRATING that it has announced, and by seq whose end each SMIGRATED is.
    began: Vec<usize>,
    ended: BTreeMap<u64, usize>,
    /// Slots have moved, and nobody was told.
    pub untold: bool,
}

impl Slots {
    /// Dealt to nodes in ranges; the last node may have none.
    pub fn new(nodes: usize, random: &mut Random) -> Self {
        let owning = if nodes > 2 && random.chance(50) { nodes - 1 } else { nodes };
        let mut owners = [0; GROUPS];
        for (group, owner) in owners.iter_mut().enumerate() {
            *owner = group * owning / GROUPS;
        }
        Self {
            owners,
            heard: vec![owners; nodes],
            open: Vec::new(),
            announced: BTreeMap::new(),
            began: vec![0; nodes],
            ended: BTreeMap::new(),
            untold: false,
        }
    }

    pub fn owner(&self, group: usize) -> usize {
        self.owners[group]
    }

    /// Of all that a node has announced, the end is among `heard`.
    pub fn have_ended(&self, node: usize, heard: &BTreeSet<u64>) -> bool {
        let ended = heard.iter().filter(|seq| self.ended.get(seq) == Some(&node)).count();
        ended == self.began[node]
    }

    /// It is on its way.
    fn is_busy(&self, group: usize) -> bool {
        self.open.iter().any(|m| m.to.iter().any(|(g, _)| *g == group))
    }

    pub fn has_slots(&self, node: usize) -> bool {
        self.owners.contains(&node)
    }

    /// A reply to CLUSTER SLOTS.
    fn reply(&self, node: usize) -> String {
        let heard = &self.heard[node];
        let mut entries = Vec::new();
        let mut from = 0;
        for to in 1..=GROUPS {
            if to == GROUPS || heard[to] != heard[from] {
                let name = format!("node{}", heard[from]);
                let place = format!("*2\r\n${}\r\n{name}\r\n:6379\r\n", name.len());
                entries.push(format!("*3\r\n:{}\r\n:{}\r\n{place}", from * GROUP, to * GROUP - 1));
                from = to;
            }
        }
        format!("*{}\r\n{}", entries.len(), entries.concat())
    }

    /// What a node says instead of executing a command. `asking`: ASKING came just before.
    pub fn instead(&self, node: usize, asking: bool, command: &[String]) -> Option<String> {
        match command[0].as_str() {
            "CLUSTER" => return Some(self.reply(node)),
            "GET" | "SET" => {}
            _ => return None,
        }
        let slot = key_slot(command[1].as_bytes());
        let group = group_of(slot);
        let owner = self.heard[node][group];
        let migration =
            self.open.iter().find_map(|m| m.to.iter().find(|(g, _)| *g == group).map(|(_, to)| (m, *to)));
        match migration {
            Some((m, to))
                if owner == node && m.asks && command[1].split('{').next()?.ends_with(['1', '3', '5']) =>
            {
                Some(format!("-ASK {slot} {}\r\n", endpoint(to)))
            }
            Some((_, to)) if asking && to == node => None,
            _ if owner == node => None,
            _ => Some(format!("-MOVED {slot} {}\r\n", endpoint(owner))),
        }
    }
}

impl World {
    /// Slots of a node begin to migrate.
    pub fn slots_leave(&mut self, node: usize, seq: u64) {
        let Some(slots) = &mut self.slots else { return };
        let is_free = |group: &usize| slots.owners[*group] == node && !slots.is_busy(*group);
        let mut own: Vec<usize> = (0..GROUPS).filter(is_free).collect();
        if own.is_empty() {
            return;
        }
        let nodes = slots.heard.len();
        let first = (node + self.random.range(1, nodes as u64 - 1) as usize) % nodes;
        let second = (node + self.random.range(1, nodes as u64 - 1) as usize) % nodes;
        // All of it, or a few.
        if self.random.chance(70) {
            let at = self.random.below(own.len() as u64) as usize;
            own = own.split_off(at);
            own.truncate(self.random.range(1, 5) as usize);
        }
        let to: Vec<_> =
            own.iter().map(|g| (*g, if self.random.chance(80) { first } else { second })).collect();
        self.begin(node, to, seq);
    }

    fn begin(&mut self, node: usize, to: Vec<(usize, usize)>, seq: u64) {
        let Some(slots) = &mut self.slots else { return };
        let groups: Vec<usize> = to.iter().map(|(group, _)| *group).collect();
        slots.began[node] += 1;
        slots.open.push(Migration { from: node, to, asks: self.random.chance(50) });
        self.tell(node, &format!(">3\r\n+SMIGRATING\r\n:{seq}\r\n+{}\r\n", ranges(&groups)));
    }

    /// What has just come goes back where it came from: an older SMIGRATED is still under way.
    pub fn slots_return(&mut self, node: usize, groups: &[usize], to: usize) {
        let Some(slots) = self.slots.as_ref().filter(|_| !self.is_quiet) else { return };
        let is_there = |group: &&usize| slots.owners[**group] == node && !slots.is_busy(**group);
        let back: Vec<_> = groups.iter().filter(is_there).map(|group| (*group, to)).collect();
        if back.is_empty() {
            return;
        }
        let seq = self.next_seq();
        self.begin(node, back, seq);
        let soon = self.random.below(300 * MS);
        self.net.push(self.net.now + soon, Event::SlotsArrive { node });
    }

    /// They are there, and it is told by the source, by the others, by all, or by nobody.
    pub fn slots_arrive(&mut self, node: usize, seq: u64) {
        let Some(slots) = &mut self.slots else { return };
        let Some(at) = slots.open.iter().position(|m| m.from == node) else { return };
        let migration = slots.open.remove(at);
        let destinations = migration.destinations();
        for (group, to) in &migration.to {
            slots.owners[*group] = *to;
        }
        if self.random.chance(30) {
            let to = self.random.of(&destinations);
            let soon = self.random.below(300 * MS);
            let back = Event::SlotsReturn { node: to, groups: migration.groups_to(to), to: node };
            self.net.push(self.net.now + soon, back);
        }
        for other in 0..slots.heard.len() {
            if other == node || destinations.contains(&other) || self.setup.gossip == 0 {
                slots.heard[other] = hears(&slots.heard[other], &slots.owners, &migration);
            } else {
                let late = self.random.below(self.setup.gossip);
                self.net.push(self.net.now + late, Event::Gossip { node: other });
            }
        }
        if self.random.chance(self.setup.untold) {
            slots.untold = true;
            return;
        }
        let mut parts = Vec::new();
        let mut said = Vec::new();
        for to in &destinations {
            let slots = ranges(&migration.groups_to(*to));
            parts.push(format!("*3\r\n+{}\r\n+{}\r\n+{slots}\r\n", endpoint(node), endpoint(*to)));
            said.push(format!("{}>{}={slots}", endpoint(node), endpoint(*to)));
        }
        slots.announced.insert(seq, said);
        slots.ended.insert(seq, node);
        let frame = format!(">3\r\n+SMIGRATED\r\n:{seq}\r\n*{}\r\n{}", parts.len(), parts.concat());
        let by = self.random.below(4);
        for other in 0..self.nodes.len() {
            let tells = match by {
                0 => other == node,
                1 => destinations.contains(&other),
                2 => other != node,
                _ => true,
            };
            if tells {
                let late = self.random.below(self.setup.told_late);
                self.net.push(self.net.now + late, Event::Announce { node: other, frame: frame.clone() });
            }
        }
    }

    /// A node hears from the others what has moved.
    pub fn gossip(&mut self, node: usize) {
        if let Some(slots) = &mut self.slots {
            slots.heard[node] = slots.owners;
        }
    }

    /// What is under way stays where it was, and all nodes know.
    pub fn slots_mend(&mut self) {
        if let Some(slots) = &mut self.slots {
            slots.open.clear();
            slots.heard.fill(slots.owners);
        }
    }
}

/// Who takes part in a migration knows of it, and of its own slots.
fn hears(heard: &[usize; GROUPS], owners: &[usize; GROUPS], migration: &Migration) -> [usize; GROUPS] {
    let mut now = *heard;
    for (group, _) in &migration.to {
        now[*group] = owners[*group];
    }
    now
}
