"""The catalogue behind `contour.anatomy.names`: one row per structure, data only.

Row: TG-263 name | RT ROI Interpreted Type | display colour | aliases, comma separated.
A name that ends in `_*` stands for the pair `_L` and `_R`; its aliases are written without their side.
Aliases are compared without case, spaces and punctuation, and with left and right taken out wherever they stand,
so that `Left parotid`, `PAROTID-LT` and `parotid_gland_left` need one entry between them. They hold the names of
OpenKBP, TotalSegmentator and the common challenge data sets.

Names were checked against TG-263's nomenclature worksheet of 2017-08-15. What it has no name for (kidney cysts, atrial
appendage, gluteal and back muscles, costal cartilages and others that models find) is not here.

Reference: Mayo et al., AAPM TG-263, doi:10.1016/j.ijrobp.2017.12.013.
"""

from __future__ import annotations

HEAD_AND_NECK = """
Brain|ORGAN|e8c4a0|cerebrum and cerebellum, whole brain
Brainstem|ORGAN|2e8b57|brain stem, bs, hirnstamm
Brainstem_PRV|AVOIDANCE|8fbc8f|brainstem prv03, brain stem prv
Cerebellum|ORGAN|c08081|
SpinalCord|ORGAN|ffd700|cord, spinal cord, myelon, medulla spinalis, sc
SpinalCord_PRV|AVOIDANCE|f0e68c|cord prv, spinal cord prv05, spinalcord_prv05
SpinalCanal|ORGAN|eee8aa|spinal canal, canal, vertebral canal
Parotid_*|ORGAN|1e90ff|parotid gland, glnd parotid, par, parotis
Glnd_Submand_*|ORGAN|00ced1|submandibular gland, submandibular, smg, submand, glnd submandibular, subman
Glnd_Subling_*|ORGAN|5f9ea0|sublingual gland, sublingual
Glnd_Thyroid|ORGAN|9932cc|thyroid, thyroid gland
Glnd_Lacrimal_*|ORGAN|20b2aa|lacrimal gland, lacrimal
Pituitary|ORGAN|ff69b4|pituitary gland, hypophysis
OpticChiasm|ORGAN|ff8c00|chiasm, optic chiasm, opticchiasma, chiasma
OpticNrv_*|ORGAN|ffa500|optic nerve, optic nrv, on, opticnerve, nervus opticus
Eye_*|ORGAN|00bfff|eyeball, globe, eyes, orbit contents
Lens_*|ORGAN|7fffd4|eye lens, lenses
Cochlea_*|ORGAN|da70d6|cochleae, inner ear
Hippocampus_*|ORGAN|ba55d3|hippocampi
Lobe_Temporal_*|ORGAN|d2b48c|temporal lobe, temporallobe
Bone_Mandible|ORGAN|f4a460|mandible, mandibula, mandible bone, bone mandible, jaw, lower jaw, lower jawbone
Joint_TM_*|ORGAN|bc8f8f|tmj, temporomandibular joint, tm joint
Cavity_Oral|ORGAN|ff7f50|oral cavity, oralcavity, oral cav, mouth
Lips|ORGAN|ff6347|lip
Tongue|ORGAN|cd5c5c|
Tongue_Base|ORGAN|b22222|base of tongue, bot
Larynx|ORGAN|32cd32|larynx air, laryngeal
Larynx_SG|ORGAN|3cb371|supraglottic larynx, larynx supraglottic, larynx supraglot
Glottis|ORGAN|66cdaa|glottic area, larynx glottic
Pharynx|ORGAN|db7093|
Musc_Constrict|ORGAN|c71585|pharyngeal constrictor, pharyngeal constrictors, pharynx constrictor, pcm, pharconst
Musc_Constrict_S|ORGAN|d87093|superior pharyngeal constrictor, spc, pharynx constrictor superior
Musc_Constrict_M|ORGAN|ff1493|middle pharyngeal constrictor, mpc, pharynx constrictor middle
Musc_Constrict_I|ORGAN|ff69b4|inferior pharyngeal constrictor, ipc, pharynx constrictor inferior
Esophagus|ORGAN|8b4513|oesophagus, esoph, oesoph, speiseroehre
Esophagus_Cerv|ORGAN|a0522d|cervical esophagus, cervical oesophagus, esophagus cervical
Esophagus_S|ORGAN|a0522d|esophagus upper, upper esophagus
Cricopharyngeus|ORGAN|cd853f|cricopharyngeal inlet, cricopharyngeus muscle
Cartlg_Thyroid|ORGAN|87ceeb|thyroid cartilage
Trachea|ORGAN|00ffff|windpipe
Airway|CAVITY|afeeee|upper airway, airways
BrachialPlex_*|ORGAN|ffff00|brachial plexus, brachialplexus, bp
A_Carotid_*|ORGAN|dc143c|carotid artery, carotid, common carotid artery
V_Jugular_*|ORGAN|4169e1|jugular vein, jugular
Skull|ORGAN|fffacd|cranium, bone skull
Bone_Hyoid|ORGAN|fff8dc|hyoid, hyoid bone
Musc_Masseter_*|ORGAN|a52a2a|masseter, masseter muscle
Musc_Temporal_*|ORGAN|b5523b|temporalis, temporalis muscle, temporal muscle
Musc_Digastric_*|ORGAN|a0404b|digastric, digastric muscle
Musc_Sclmast_*|ORGAN|cc6666|sternocleidomastoid, sternocleidomastoid muscle, scm
Musc_Platysma_*|ORGAN|d98880|platysma
Pterygoid_Lat_*|ORGAN|b03a2e|lateral pterygoid, lateral pterygoid muscle
Pterygoid_Med_*|ORGAN|cb4335|medial pterygoid, medial pterygoid muscle
Nasopharynx|ORGAN|e59abf|nasal pharynx
Oropharynx|ORGAN|d77fa1|oral pharynx
Laryngl_Pharynx|ORGAN|c06090|hypopharynx, laryngopharynx, laryngeal pharynx
Palate_Soft|ORGAN|ff9e80|soft palate
Hardpalate|ORGAN|ffccbc|hard palate
Cavity_Nasal|CAVITY|b2dfdb|nasal cavity
Sinus_Maxilry|CAVITY|80cbc4|maxillary sinus, maxillary sinuses, sinus maxillary
Sinus_Maxilry_*|CAVITY|80cbc4|maxillary sinus
Sinus_Frontal|CAVITY|a7d8d2|frontal sinus, frontal sinuses, sinus frontal
Sinus_Frontal_*|CAVITY|a7d8d2|frontal sinus
Maxilla|ORGAN|f7c59f|upper jaw, upper jawbone
Cricoid|ORGAN|76b5c5|cricoid cartilage
V_Jugular_Int_*|ORGAN|3f5fbf|internal jugular vein
Lobe_Frontal|ORGAN|dcc29a|frontal lobe, frontal lobes
Lobe_Frontal_*|ORGAN|dcc29a|frontal lobe
Lobe_Parietal|ORGAN|cdb38b|parietal lobe, parietal lobes
Lobe_Parietal_*|ORGAN|cdb38b|parietal lobe
Lobe_Occipital|ORGAN|bfa27a|occipital lobe, occipital lobes
Lobe_Occipital_*|ORGAN|bfa27a|occipital lobe
Lobe_Temporal|ORGAN|d2b48c|temporal lobe, temporal lobes
"""

THORAX = """
Lung_*|ORGAN|6495ed|
Lungs|ORGAN|6495ed|lung, both lungs, lung both, total lung, lung total
Lobe_Lung_LUL|ORGAN|87cefa|lung upper lobe left
Lobe_Lung_LLL|ORGAN|4682b4|lung lower lobe left
Lobe_Lung_RUL|ORGAN|b0e0e6|lung upper lobe right
Lobe_Lung_RML|ORGAN|add8e6|lung middle lobe right
Lobe_Lung_RLL|ORGAN|5f9ea0|lung lower lobe right
Heart|ORGAN|ff0000|whole heart, cor
Atrium_*|ORGAN|ff7f7f|heart atrium, atrium
Ventricle_*|ORGAN|b03060|heart ventricle, ventricle
A_LAD|ORGAN|ff4500|lad, left anterior descending artery, lad coronary
A_Coronary_*|ORGAN|ff4040|coronary artery
A_Aorta|ORGAN|dc143c|aorta
A_Pulmonary|ORGAN|6a5acd|pulmonary artery
A_Brachiocephls|ORGAN|e0405a|brachiocephalic trunk, brachiocephalic artery, innominate artery
A_Subclavian_*|ORGAN|e8556b|subclavian artery
V_Brachioceph_*|ORGAN|5a7be0|brachiocephalic vein, innominate vein
V_Subclavian_*|ORGAN|6f8ce6|subclavian vein
V_Pulmonary|ORGAN|ff6f91|pulmonary vein, pulmonary veins
Pericardium|ORGAN|ffb3ba|pericardial sac
Mediastinum|ORGAN|c9a0a0|
V_Venacava_S|ORGAN|4169e1|superior vena cava, svc
V_Venacava_I|ORGAN|0000cd|inferior vena cava, ivc
GreatVes|ORGAN|b22222|great vessels
Breast_*|ORGAN|ffb6c1|mamma
Breasts|ORGAN|ffb6c1|breast, both breasts
Chestwall|ORGAN|deb887|chest wall, thoracic wall
Ribs|ORGAN|fffacd|rib cage
Sternum|ORGAN|fffff0|breast bone
Clavicle_*|ORGAN|f5f5dc|clavicula
Scapula_*|ORGAN|faebd7|shoulder blade
Humerus_*|ORGAN|ffe4c4|
HumeralHead_*|ORGAN|ffe4c4|humeral head, humerus head
Thymus|ORGAN|eedd82|
BronchTree|ORGAN|40e0d0|bronchial tree, bronchus, proximal bronchial tree, carina
"""

ABDOMEN_AND_PELVIS = """
Liver|ORGAN|8b0000|hepar
Kidney_*|ORGAN|b8860b|renal, ren
Kidneys|ORGAN|b8860b|both kidneys
Glnd_Adrenal_*|ORGAN|daa520|adrenal gland, adrenal
Spleen|ORGAN|800080|lien
Pancreas|ORGAN|f0e68c|
Stomach|ORGAN|d2691e|gaster
Duodenum|ORGAN|ff8c69|
Gallbladder|ORGAN|228b22|gall bladder
Bowel|ORGAN|bdb76b|bowels, intestine, intestines
Bag_Bowel|ORGAN|cdba96|bowel bag, bowelbag
Bowel_Small|ORGAN|eee685|small bowel, smallbowel, small intestine
Bowel_Large|ORGAN|cdbe70|large bowel, largebowel, large intestine
Colon|ORGAN|8b7355|
Colon_Sigmoid|ORGAN|8b864e|sigmoid, sigmoid colon
V_Portal|ORGAN|27408b|portal vein, portal vein and splenic vein
A_Iliac_*|ORGAN|cd2626|iliac artery
V_Iliac_*|ORGAN|3a5fcd|iliac vein, iliac vena
Bladder|ORGAN|ffff66|urinary bladder, vesica
Rectum|ORGAN|a0522d|rektum
Canal_Anal|ORGAN|8b5a2b|anal canal, anus
Prostate|ORGAN|ff8247|prostata
SeminalVes|ORGAN|eeaeee|seminal vesicles, seminal vesicle, sv
PenileBulb|ORGAN|cd96cd|penile bulb
Testis_*|ORGAN|eed5b7|testicle
Uterus|ORGAN|ff82ab|
Cervix|ORGAN|ee799f|uterine cervix
Vagina|ORGAN|ee6aa7|
Ovary_*|ORGAN|cd6889|
Femur_*|ORGAN|ffe7ba|femora
Femur_Head_*|ORGAN|ffdead|femoral head, femoralhead, femur head, head of femur, femoral head and neck
Bone_Pelvic|ORGAN|fffaf0|pelvis, pelvic bones, bony pelvis
Bone_Ilium_*|ORGAN|faf0e6|ilium, hip, hip bone, os ilium
Sacrum|ORGAN|fdf5e6|os sacrum
SpinalColumn|ORGAN|f5deb3|vertebrae, spine, vertebral column
VBs|ORGAN|f5deb3|vertebrae body, vertebral bodies
CaudaEquina|ORGAN|eec900|cauda equina
Radius_*|ORGAN|ffe4b5|
Fibula|ORGAN|ffefd5|
Fibula_*|ORGAN|ffefd5|
Bone|ORGAN|fffff0|bones, skeleton
LN|ORGAN|7cfc00|lymph node, lymph nodes
"""

BODY_AND_TARGETS = """
External|EXTERNAL|00ff00|body, skin outline, external contour, outer contour, patient outline, patient
Skin|ORGAN|ffdab9|
GTV|GTV|ff0000|gross tumour volume, gross tumor volume
GTVp|GTV|ff0000|gtv primary, gtv p, gtv t, primary gtv, primary tumour, primary tumor
GTVn|GTV|ff4500|gtv nodal, gtv n, gtv node, nodal gtv, gtv nodes
CTV|CTV|ff00ff|clinical target volume
CTVp|CTV|ff00ff|ctv primary, ctv p, primary ctv
CTVn|CTV|ee82ee|ctv nodal, ctv n, ctv node, nodal ctv
ITV|CTV|da70d6|internal target volume
PTV|PTV|ff3030|planning target volume
PTVp|PTV|ff3030|ptv primary, ptv p, primary ptv
PTVn|PTV|ff6a6a|ptv nodal, ptv n, ptv node, nodal ptv
PTV_7000|PTV|ff3030|ptv70, ptv 70 gy
PTV_6300|PTV|ff6a6a|ptv63, ptv 63 gy
PTV_5600|PTV|ffa07a|ptv56, ptv 56 gy
Bolus|BOLUS|8470ff|
CouchSurface|SUPPORT|708090|couch, table, treatment couch
CouchInterior|SUPPORT|778899|couch interior
"""

_VERTEBRAE = (
    *((f"C{number}", f"C{number}") for number in range(1, 8)),
    *((f"T{number:02}", f"T{number}") for number in range(1, 13)),
    *((f"L{number}", f"L{number}") for number in range(1, 6)),
    ("S1", "S1"),
)
"""TG-263's spelling of a vertebra, and everybody else's."""

SPINE_AND_RIBS = "\n".join(
    (
        *(
            f"VB_{official}|ORGAN|f5deb3|vertebra {plain}, vertebrae {plain}, vertebral body {plain}"
            for official, plain in _VERTEBRAE
        ),
        *(f"Rib{number:02}_*|ORGAN|fffacd|rib {number}" for number in range(1, 13)),
        "",
    )
)
"""One row for each, as above."""

ROWS = HEAD_AND_NECK + THORAX + ABDOMEN_AND_PELVIS + SPINE_AND_RIBS + BODY_AND_TARGETS
